//! What is remembered of each caller: bounded, and forgotten once it says nothing any more.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::{BuildHasher, Hash},
    mem,
    sync::{Mutex, MutexGuard},
};

use governor::{
    nanos::Nanos,
    state::{StateStore, keyed::ShrinkableKeyedStateStore},
};

/// Locks, so that threads seldom wait for each other.
const SHARDS: usize = 16;

/// Two generations: what is used is in the young one. Full, it becomes the old one, and the old one is dropped. So room is made without a
/// list of who was seen when.
#[derive(Debug)]
struct Shard<K> {
    young: HashMap<K, Nanos>,
    old: HashMap<K, Nanos>,
}

impl<K> Default for Shard<K> {
    fn default() -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }
}

/// How far each caller has used up its allowance, for a number of callers at most. The caller beyond pushes out those not seen for longest,
/// who begin anew: a limit may fail open, memory may not grow.
#[derive(Debug)]
pub(super) struct Bounded<K> {
    shards: [Mutex<Shard<K>>; SHARDS],
    hasher: RandomState,
    /// Entries of one generation of a shard.
    room: usize,
}

impl<K> Bounded<K> {
    pub(super) fn new(max_keys: usize) -> Self {
        Self {
            shards: Default::default(),
            hasher: RandomState::new(),
            room: (max_keys / SHARDS / 2).max(1),
        }
    }
}

impl<K: Hash + Eq + Clone> StateStore for Bounded<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let place = self.hasher.hash_one(key) % SHARDS as u64;
        let place = usize::try_from(place).unwrap_or_default();
        let mut shard = lock(&self.shards[place]);
        if let Some(used) = shard.young.get_mut(key) {
            let (answer, now_used) = decide(Some(*used))?;
            *used = now_used;
            return Ok(answer);
        }
        let known = shard.old.remove(key);
        let decided = decide(known);
        let (answer, used) = match decided {
            Ok((answer, used)) => (Ok(answer), Some(used)),
            // Who goes on after a refusal is not to be forgotten for it.
            Err(refusal) => (Err(refusal), known),
        };
        if shard.young.len() >= self.room {
            shard.old = mem::take(&mut shard.young);
        }
        if let Some(used) = used {
            shard.young.insert(key.clone(), used);
        }
        answer
    }
}

impl<K: Hash + Eq + Clone> ShrinkableKeyedStateStore<K> for Bounded<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            let Shard { young, old } = &mut *shard;
            for generation in [young, old] {
                generation.retain(|_, used| *used > drop_below);
                generation.shrink_to_fit();
            }
        }
    }

    fn len(&self) -> usize {
        let count = |shard| {
            let shard = lock(shard);
            shard.young.len() + shard.old.len()
        };
        self.shards.iter().map(count).sum()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn lock<K>(shard: &Mutex<Shard<K>>) -> MutexGuard<'_, Shard<K>> {
    shard.lock().expect("nothing under this lock can panic")
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// Counts one use; what was remembered before.
    fn bump(store: &Bounded<u32>, key: u32) -> Option<u64> {
        let bumped: Result<_, Infallible> = store.measure_and_replace(&key, |used| {
            let next = used.map_or(0, Nanos::as_u64) + 1;
            Ok((used.map(Nanos::as_u64), Nanos::new(next)))
        });
        bumped.unwrap()
    }

    #[test]
    fn the_number_of_callers_is_bounded_and_who_is_seen_stays() {
        let store = Bounded::new(1_000);
        for key in 1..100_000 {
            bump(&store, key);
            let before = bump(&store, 0);
            assert_eq!(before, (key > 1).then(|| u64::from(key) - 1), "{key}");
            assert!(store.len() <= 1_000, "{}", store.len());
        }
        assert_eq!(bump(&store, 1), None, "not seen for long, so forgotten");
    }

    #[test]
    fn who_has_everything_back_is_swept() {
        let store = Bounded::new(1_000);
        bump(&store, 1);
        bump(&store, 2);
        bump(&store, 2);
        store.retain_recent(Nanos::new(1));
        assert_eq!((store.len(), bump(&store, 2)), (1, Some(2)));
    }

    #[test]
    fn a_refusal_changes_nothing_and_counts_as_seen() {
        let store = Bounded::new(1);
        bump(&store, 1);
        let refuse = || store.measure_and_replace(&1, |_| Err::<((), Nanos), _>("no"));
        for key in 2..1_000 {
            bump(&store, key);
            assert_eq!(refuse(), Err("no"));
        }
        assert_eq!(bump(&store, 1), Some(1));
    }
}
