//! Repeatable randomness: the same seed plays the same crowd.

/// `SplitMix64` (Steele, Lea and Flood, 2014). For simulations only, never for secrets.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A sequence of its own for each seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which must not be 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.bits() % bound
    }

    /// An index below `len`, which must not be 0.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or_default()
    }

    /// True `percent` times in a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Evenly between 0 and 1, 1 excluded.
    pub fn unit(&mut self) -> f64 {
        let [a, b, c, d, ..] = self.bits().to_le_bytes();
        f64::from(u32::from_le_bytes([a, b, c, d])) / 4_294_967_296.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_sequence() {
        let (mut a, mut b) = (Random::new(7), Random::new(7));
        let (a, b): (Vec<_>, Vec<_>) = (0..100).map(|_| (a.bits(), b.bits())).unzip();
        assert_eq!(a, b);
    }

    #[test]
    fn five_percent_is_about_five_percent() {
        let mut random = Random::new(1);
        let hits = (0..100_000).filter(|_| random.percent(5)).count();
        assert!((4_500..5_500).contains(&hits), "{hits}");
    }
}
