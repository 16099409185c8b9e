//! Public beacons whose rounds fall at certain times.

use chrono::{DateTime, TimeDelta};

use crate::time::Timestamp;

/// A beacon, and when its rounds fall.
struct Chain {
    /// How drops name it, in lower case.
    source: &'static str,
    /// When its first round fell, seconds since 1970.
    genesis: i64,
    /// Seconds from one round to the next.
    period: i64,
}

/// Those of the League of Entropy, by what `/info` says of each; they never change.
const CHAINS: [Chain; 2] = [
    Chain {
        source: "drand quicknet",
        genesis: 1_692_803_367,
        period: 3,
    },
    Chain {
        source: "drand default",
        genesis: 1_595_431_050,
        period: 30,
    },
];

/// When a round of a beacon falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoundTime {
    /// Nobody here knows the beacon.
    Unknown,
    /// Then.
    At(Timestamp),
    /// Later than any time that can be written down.
    Never,
}

/// When round `round` of the beacon named `source` falls. Names count without regard to case and to spaces around them.
pub fn round_time(source: &str, round: u64) -> RoundTime {
    let source = source.trim().to_lowercase();
    let Some(chain) = CHAINS.iter().find(|chain| chain.source == source) else {
        return RoundTime::Unknown;
    };
    let time = || {
        let rounds = i64::try_from(round).ok()?.checked_sub(1)?;
        let after = TimeDelta::try_seconds(rounds.checked_mul(chain.period)?)?;
        DateTime::from_timestamp(chain.genesis, 0)?.checked_add_signed(after)
    };
    time().map_or(RoundTime::Never, RoundTime::At)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_falls_when_its_chain_says_however_it_is_named() {
        let first = DateTime::from_timestamp(1_692_803_367, 0).unwrap();
        for name in ["drand quicknet", "Drand Quicknet", " drand quicknet "] {
            assert_eq!(round_time(name, 1), RoundTime::At(first));
        }
        let tenth = first + TimeDelta::seconds(27);
        assert_eq!(round_time("drand quicknet", 10), RoundTime::At(tenth));
        assert_eq!(round_time("drand quicknet", u64::MAX), RoundTime::Never);
        assert_eq!(
            round_time("drand default", 2_000_000_000_000),
            RoundTime::Never
        );
        assert_eq!(round_time("the evening news", 1), RoundTime::Unknown);
    }
}
