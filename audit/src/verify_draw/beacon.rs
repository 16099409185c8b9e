//! What can be checked of a beacon without asking it: that its value came after the list was sealed, and that it is what was signed.
//!
//! Who signed is not checked here: that takes the beacon's public key and its own program (decision 0038 says how).

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Check,
    arithmetic::{bytes_of_any, hex},
};

/// A beacon whose rounds are known to fall at certain times.
struct Chain {
    /// How drops name it.
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

/// When a round falls, where that is known.
fn time_of(source: &str, round: u64) -> Option<DateTime<Utc>> {
    let chain = CHAINS.iter().find(|chain| chain.source == source)?;
    let rounds = i64::try_from(round).ok()?.checked_sub(1)?;
    let after = TimeDelta::try_seconds(rounds.checked_mul(chain.period)?)?;
    DateTime::from_timestamp(chain.genesis, 0)?.checked_add_signed(after)
}

impl Check<'_> {
    /// The beacon, where there is one.
    pub(super) fn beacon(&mut self) {
        let Some(beacon) = &self.proof.beacon else {
            return;
        };
        if let Some(signature) = &beacon.signature {
            let signed = bytes_of_any(signature).map(|bytes| hex(digest(&SHA256, &bytes).as_ref()));
            if signed.as_ref() != Some(&beacon.value) {
                self.find("the beacon's value is not the SHA-256 of its signature");
            }
        }
        let Some(at) = time_of(&beacon.source, beacon.round) else {
            return;
        };
        let round = format!("round {} of {}", beacon.round, beacon.source);
        if self.proof.sealed_at.is_none_or(|sealed| sealed >= at) {
            self.find(format!(
                "{round} was known at {at}, before the list was sealed"
            ));
        }
        if beacon.recorded_at < at {
            self.find(format!("{round} was told before there was one, at {at}"));
        }
    }
}
