//! A lot: the 64 bits that decide an entry.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A lot. JSON: 16 hexadecimal digits, because 64 bits are more than a JSON number keeps for every reader.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Lot(pub u64);

/// A text that is no lot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a lot has 16 hexadecimal digits, not {0:?}")]
pub struct NotALot(String);

impl fmt::Display for Lot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl From<Lot> for String {
    fn from(lot: Lot) -> Self {
        lot.to_string()
    }
}

impl TryFrom<String> for Lot {
    type Error = NotALot;

    fn try_from(text: String) -> Result<Self, NotALot> {
        let is_hex = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let lot = u64::from_str_radix(&text, 16).ok().filter(|_| is_hex);
        lot.map(Self).ok_or(NotALot(text))
    }
}
