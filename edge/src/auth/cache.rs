//! Verified tokens, remembered: a verification costs far more than a look into a table, and the clients of an on-sale send the same
//! token thousands of times.

use std::{collections::HashMap, sync::Mutex};

use super::Authenticated;

/// Locks, so that threads seldom wait for each other.
const SHARDS: usize = 16;

/// Tokens remembered at most, some 100 bytes each: the fans of a large on-sale fit.
const CAPACITY: usize = 262_144;

/// Digest of a token: the cache keeps nothing that could be used as one.
pub(super) type Key = [u8; 32];

/// A token found valid.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) authenticated: Authenticated,
    /// Seconds since 1970: the first at which the token is void.
    pub(super) exp: i64,
}

/// Two generations in each shard: when the young one is full it becomes the old one, and the old one is dropped. So what is used
/// stays, and neither a clock nor a list is needed to make room.
#[derive(Debug, Default)]
struct Shard {
    young: HashMap<Key, Entry>,
    old: HashMap<Key, Entry>,
}

impl Shard {
    fn insert(&mut self, key: Key, entry: Entry) {
        if self.young.len() >= CAPACITY / SHARDS / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, entry);
    }
}

/// A bounded table of tokens found valid.
#[derive(Debug, Default)]
pub(super) struct Cache {
    shards: [Mutex<Shard>; SHARDS],
}

impl Cache {
    /// What is remembered of a token. The caller checks whether its time is over.
    pub(super) fn get(&self, key: &Key) -> Option<Entry> {
        let mut shard = self.shard(key);
        if let Some(entry) = shard.young.get(key) {
            return Some(*entry);
        }
        let entry = *shard.old.get(key)?;
        shard.insert(*key, entry);
        Some(entry)
    }

    /// Remembers a token.
    pub(super) fn insert(&self, key: Key, entry: Entry) {
        self.shard(&key).insert(key, entry);
    }

    /// Forgets a token.
    pub(super) fn remove(&self, key: &Key) {
        let mut shard = self.shard(key);
        shard.young.remove(key);
        shard.old.remove(key);
    }

    fn shard(&self, key: &Key) -> std::sync::MutexGuard<'_, Shard> {
        self.shards[usize::from(key[0]) % SHARDS]
            .lock()
            .expect("no holder of this lock can panic")
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let count = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap();
            shard.young.len() + shard.old.len()
        };
        self.shards.iter().map(count).sum()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::auth::{Principal, Role};

    #[test]
    fn stays_bounded_and_keeps_what_is_used() {
        let cache = Cache::default();
        let entry = Entry {
            authenticated: Authenticated {
                principal: Principal {
                    id: Uuid::nil(),
                    role: Role::Customer,
                },
                session: None,
            },
            exp: 0,
        };
        let key = |number: usize| {
            let mut key = [0; 32];
            key[0] = u8::try_from(number % 256).unwrap();
            key[1..9].copy_from_slice(&number.to_be_bytes());
            key
        };
        for number in 0..3 * CAPACITY {
            cache.insert(key(number), entry);
            assert!(cache.get(&key(0)).is_some(), "used, so kept: {number}");
        }
        assert!(cache.len() <= CAPACITY);
        assert!(cache.get(&key(1)).is_none(), "unused, so dropped");
    }
}
