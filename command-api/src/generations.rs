//! A bounded memory of facts that never change.

use std::{collections::HashMap, hash::Hash, mem};

/// Two generations of entries: what is remembered goes into the young one; when that is full, it takes the place of the old
/// one, which is forgotten. So at least the last `size` entries are known, and never more than twice as many.
#[derive(Debug)]
pub(crate) struct Generations<K, V> {
    size: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash, V: Clone> Generations<K, V> {
    /// An empty memory with room for `size` entries in each generation.
    pub(crate) fn new(size: usize) -> Self {
        Self {
            size,
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.size {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let found = self.young.get(key).or_else(|| self.old.get(key));
        found.cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_known_and_old_ones_forgotten() {
        let mut known = Generations::new(3);
        for n in 0..10 {
            known.insert(n, n * n);
            assert_eq!(known.get(&n), Some(n * n));
            assert!(known.young.len() + known.old.len() <= 6);
        }
        for n in 7..10 {
            assert_eq!(known.get(&n), Some(n * n));
        }
        assert_eq!(known.get(&2), None);
    }
}
