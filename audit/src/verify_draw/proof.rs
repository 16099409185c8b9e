//! A proof as it is published.

use std::io::Read;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

/// The one form there is.
pub(super) const FORMAT: &str = "frontrow-drop-proof/1";

#[derive(Debug, Deserialize)]
pub(super) struct Proof {
    pub(super) format: String,
    pub(super) drop_id: Uuid,
    pub(super) title: String,
    pub(super) draw: String,
    pub(super) fairness: String,
    pub(super) stock: u32,
    pub(super) win_probability: String,
    pub(super) price: i64,
    pub(super) opens_at: DateTime<Utc>,
    pub(super) closes_at: DateTime<Utc>,
    pub(super) closed_at: Option<DateTime<Utc>>,
    pub(super) sealed_at: Option<DateTime<Utc>>,
    pub(super) commitment: String,
    pub(super) secret: String,
    pub(super) root: String,
    pub(super) beacon: Option<Beacon>,
    pub(super) entries: usize,
    pub(super) list: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Beacon {
    pub(super) source: String,
    pub(super) round: u64,
    pub(super) value: String,
    pub(super) signature: Option<String>,
    pub(super) recorded_at: DateTime<Utc>,
}

/// `[id, result, place, lot]`; about 100 bytes in memory.
#[derive(Debug, Deserialize)]
#[serde(from = "(Uuid, String, Option<u32>, String)")]
pub(super) struct Entry {
    pub(super) id: Uuid,
    pub(super) result: String,
    pub(super) place: Option<u32>,
    pub(super) lot: String,
}

impl From<(Uuid, String, Option<u32>, String)> for Entry {
    fn from((id, result, place, lot): (Uuid, String, Option<u32>, String)) -> Self {
        Self {
            id,
            result,
            place,
            lot,
        }
    }
}

/// Reads a proof as it comes; the text is never held whole.
pub(super) fn read(reader: impl Read) -> Result<Proof, serde_json::Error> {
    serde_json::from_reader(std::io::BufReader::new(reader))
}
