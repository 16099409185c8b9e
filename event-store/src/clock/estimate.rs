//! How far another clock is from one's own, from samples of it.
//!
//! ```text
//!  own clock    sent ────────────── received         the other clock said `told` at some instant in between,
//!  offset       told − received  ≤  offset  ≤  told − sent
//!
//!  samples      ├────────────────────┤
//!                       ├───────┤                    each is an interval; the offset is where they overlap
//!                     ├──────────────────┤
//!  overlap              ├───────┤
//! ```

use std::collections::VecDeque;

/// Samples that are kept: the poll's for some minutes, or some hundred commits.
const SAMPLES: usize = 128;

/// How long a sample counts, in microseconds of one's own clock.
const WINDOW_MICROS: i64 = 30_000_000;

/// How far two clocks may drift apart in a second, in microseconds: 100 ppm is more than any quartz does.
const DRIFT_MICROS_PER_SECOND: i64 = 100;

/// Samples that are so close together must agree, in microseconds.
const TRUST_MICROS: i64 = 5_000_000;

/// By how much they may contradict each other, in microseconds.
const TOLERANCE_MICROS: i64 = 200_000;

/// One look at the other clock; all in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    /// When it was asked, by one's own clock.
    pub(super) sent: i64,
    /// When the answer was there.
    pub(super) received: i64,
    /// What the other clock said.
    pub(super) told: i64,
}

impl Sample {
    /// Bounds of the offset at `now`.
    fn bounds(self, now: i64) -> [i64; 2] {
        let slack = (now - self.received).max(0) / 1_000_000 * DRIFT_MICROS_PER_SECOND;
        [
            self.told - self.received - slack,
            self.told - self.sent + slack,
        ]
    }
}

/// Keeps the samples and tells the offset.
#[derive(Debug, Default)]
pub(super) struct Estimate {
    /// The youngest first.
    samples: VecDeque<Sample>,
}

impl Estimate {
    pub(super) fn observe(&mut self, sample: Sample) {
        while self
            .samples
            .back()
            .is_some_and(|oldest| sample.received - oldest.received > WINDOW_MICROS)
        {
            self.samples.pop_back();
        }
        self.samples.truncate(SAMPLES - 1);
        self.samples.push_front(sample);
    }

    /// The other clock less one's own: the middle of where the samples overlap. The youngest is believed; older ones are, as long as
    /// they don't contradict those after them.
    pub(super) fn offset(&self) -> Option<i64> {
        let now = self.samples.front()?.received;
        let [mut low, mut high] = self.samples.front()?.bounds(now);
        for sample in self.samples.iter().skip(1) {
            let [from, to] = sample.bounds(now);
            if from > high || to < low {
                break;
            }
            low = low.max(from);
            high = high.min(to);
        }
        Some(low + (high - low) / 2)
    }

    /// By how much samples of the last seconds contradict each other, where that is too much to go on.
    pub(super) fn contradiction(&self, now: i64) -> Option<i64> {
        let recent = self.samples.iter();
        let recent = recent.take_while(|sample| now - sample.received <= TRUST_MICROS);
        let (mut low, mut high) = (i64::MIN, i64::MAX);
        for sample in recent {
            let [from, to] = sample.bounds(sample.received);
            low = low.max(from);
            high = high.min(to);
        }
        let apart = low.saturating_sub(high);
        (apart > TOLERANCE_MICROS).then_some(apart)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OFFSET: i64 = 7_000_000;

    /// Asked at `sent`, looked at after `there`, answered after `back`; the other clock is `OFFSET + off` ahead.
    fn sample(sent: i64, there: i64, back: i64, off: i64) -> Sample {
        Sample {
            sent,
            received: sent + there + back,
            told: sent + there + OFFSET + off,
        }
    }

    fn estimate(samples: &[Sample]) -> Estimate {
        let mut estimate = Estimate::default();
        for sample in samples {
            estimate.observe(*sample);
        }
        estimate
    }

    #[test]
    fn one_sample_tells_the_middle() {
        assert_eq!(Estimate::default().offset(), None);
        let one = estimate(&[sample(0, 100, 100, 0)]);
        assert_eq!(one.offset(), Some(OFFSET));
        let lopsided = estimate(&[sample(0, 0, 200, 0)]);
        assert_eq!(lopsided.offset(), Some(OFFSET - 100));
    }

    #[test]
    fn a_slow_answer_does_not_spoil_what_a_quick_one_told() {
        let quick = sample(0, 50, 50, 0);
        let slow = sample(1_000, 100, 400_000, 0);
        assert_eq!(estimate(&[quick, slow]).offset(), Some(OFFSET));
        assert_eq!(estimate(&[slow, quick]).offset(), Some(OFFSET));
    }

    #[test]
    fn the_youngest_is_believed() {
        let stepped = estimate(&[
            sample(0, 50, 50, 0),
            sample(1_000_000, 50, 50, 90_000),
            sample(2_000_000, 100, 100, 90_000),
        ]);
        assert_eq!(stepped.offset(), Some(OFFSET + 90_000));
        assert_eq!(stepped.contradiction(2_000_200), None);
    }

    #[test]
    fn contradictions_are_told_while_they_are_young() {
        let samples = [sample(0, 50, 50, 0), sample(1_000_000, 50, 50, 300_000)];
        let stepped = estimate(&samples);
        assert_eq!(stepped.contradiction(1_000_100), Some(299_900));
        assert_eq!(stepped.contradiction(5_000_200), None);
        // An answer that took long contradicts nobody.
        let slow = sample(1_000_000, 0, 400_000, 300_000);
        let vague = estimate(&[samples[0], slow]);
        assert_eq!(vague.contradiction(1_400_000), None);
    }

    #[test]
    fn samples_are_forgotten() {
        let mut many = Estimate::default();
        for n in 0..10_000 {
            many.observe(sample(n * 100_000, 50, 50, 0));
        }
        assert!(many.samples.len() <= SAMPLES);
        many.observe(sample(10_000_000_000, 50, 50, 0));
        assert_eq!(many.samples.len(), 1);
    }

    proptest! {
        /// However long the ways take, the offset is within the best sample's round trip, and nothing contradicts.
        #[test]
        fn the_offset_is_within_the_shortest_round_trip(
            ways in prop::collection::vec((0_i64..50_000, 0_i64..50_000), 1..60)
        ) {
            let samples: Vec<_> = (0..)
                .zip(&ways)
                .map(|(n, (there, back))| sample(n * 100_000, *there, *back, 0))
                .collect();
            let estimate = estimate(&samples);
            let shortest = ways.iter().map(|(there, back)| there + back).min().unwrap();
            let slack = 6 * DRIFT_MICROS_PER_SECOND;
            let off = (estimate.offset().unwrap() - OFFSET).abs();
            prop_assert!(off <= shortest / 2 + slack + 1, "{off} of {shortest}");
            prop_assert_eq!(estimate.contradiction(6_000_000), None);
        }
    }
}
