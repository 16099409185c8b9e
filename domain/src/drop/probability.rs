//! A probability as an organizer writes it, and the number that a lot must stay below: exact, without a float in between.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most digits behind the point: with them, everything fits 128 bits.
const MAX_DECIMALS: usize = 18;

/// A probability above 0, at most 1, in decimals: `0.05`. Kept as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Probability {
    text: String,
    threshold: u128,
}

/// Why a text is no probability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a decimal above 0, at most 1, with up to {MAX_DECIMALS} digits behind the point, is {0:?}"
)]
pub struct NotAProbability(String);

impl Probability {
    /// floor(p x 2^64): an entry wins where its lot, 64 bits, is below it. At p = 1 it is 2^64, and every lot is.
    pub fn threshold(&self) -> u128 {
        self.threshold
    }

    /// Whether an entry with this lot wins.
    pub fn wins(&self, lot: u64) -> bool {
        u128::from(lot) < self.threshold
    }
}

impl FromStr for Probability {
    type Err = NotAProbability;

    fn from_str(text: &str) -> Result<Self, NotAProbability> {
        let threshold = threshold(text).ok_or_else(|| NotAProbability(text.to_owned()))?;
        Ok(Self {
            text: text.to_owned(),
            threshold,
        })
    }
}

fn threshold(text: &str) -> Option<u128> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if whole.len() != 1
        || !is_number(whole)
        || !is_number(decimals)
        || decimals.len() > MAX_DECIMALS
    {
        return None;
    }
    let scale = 10_u128.pow(u32::try_from(decimals.len()).ok()?);
    let numerator = whole.parse::<u128>().ok()? * scale + decimals.parse::<u128>().ok()?;
    // At most 10^18 x 2^64, below 2^124.
    (1..=scale)
        .contains(&numerator)
        .then(|| (numerator << 64) / scale)
}

impl TryFrom<String> for Probability {
    type Error = NotAProbability;

    fn try_from(text: String) -> Result<Self, NotAProbability> {
        text.parse()
    }
}

impl From<Probability> for String {
    fn from(probability: Probability) -> Self {
        probability.text
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threshold_of(text: &str) -> u128 {
        text.parse::<Probability>().unwrap().threshold()
    }

    #[test]
    fn the_threshold_is_exact() {
        assert_eq!(threshold_of("0.05"), 922_337_203_685_477_580);
        assert_eq!(threshold_of("0.5"), 1 << 63);
        assert_eq!(threshold_of("0.500"), 1 << 63);
        assert_eq!(threshold_of("1"), 1 << 64);
        assert_eq!(threshold_of("1.0"), 1 << 64);
        assert_eq!(threshold_of("0.000000000000000001"), 18);
        assert_eq!(
            threshold_of("0.999999999999999999"),
            18_446_744_073_709_551_597
        );
    }

    #[test]
    fn only_decimals_between_nothing_and_certainty_are_taken() {
        for bad in [
            "",
            "0",
            "0.0",
            "1.1",
            "2",
            ".5",
            "0.",
            "-0.5",
            "+0.5",
            "5e-2",
            "5%",
            "00.5",
            " 0.5",
            "0.0000000000000000001",
        ] {
            assert!(bad.parse::<Probability>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_lot_wins_below_the_threshold_alone() {
        let half: Probability = "0.5".parse().unwrap();
        assert!(half.wins((1 << 63) - 1));
        assert!(!half.wins(1 << 63));
        assert!("1".parse::<Probability>().unwrap().wins(u64::MAX));
    }
}
