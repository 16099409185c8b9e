//! A drop as it was announced, and whether the proof is of that.
//!
//! Commitment and root bind the secret and the list, nothing else: without the announcement a proof may name other terms than people entered for.

use std::io::Read;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use super::{Check, proof::Proof};

/// Why an announcement can't be compared with a proof.
#[derive(Debug, thiserror::Error)]
#[error("the announcement can't be read")]
pub struct Illegible(#[from] serde_json::Error);

/// What `GET /v1/drops/{id}` answered while the drop was open; of its fields those that never change.
#[derive(Debug, Clone, Deserialize)]
pub struct Announced {
    drop_id: Uuid,
    title: String,
    stock: u32,
    win_probability: String,
    price: i64,
    opens_at: DateTime<Utc>,
    closes_at: DateTime<Utc>,
    draw: String,
    commitment: String,
    beacon: Option<Beacon>,
}

#[derive(Debug, Clone, Deserialize)]
struct Beacon {
    source: String,
    round: u64,
}

impl Announced {
    /// Reads what was saved.
    ///
    /// # Errors
    /// [`Illegible`]: it is not such an answer.
    pub fn read(reader: impl Read) -> Result<Self, Illegible> {
        Ok(serde_json::from_reader(std::io::BufReader::new(reader))?)
    }
}

/// Each field's name and value, as findings show it.
type Terms = [(&'static str, String); 10];

fn announced_by(terms: &Announced) -> Terms {
    let beacon = terms.beacon.as_ref();
    [
        ("drop_id", terms.drop_id.to_string()),
        ("title", format!("{:?}", terms.title)),
        ("stock", terms.stock.to_string()),
        ("win_probability", format!("{:?}", terms.win_probability)),
        ("price", terms.price.to_string()),
        ("opens_at", terms.opens_at.to_string()),
        ("closes_at", terms.closes_at.to_string()),
        ("draw", format!("{:?}", terms.draw)),
        (
            "commitment",
            format!("{:?}", terms.commitment.to_ascii_lowercase()),
        ),
        ("beacon", in_words(beacon.map(|b| (&*b.source, b.round)))),
    ]
}

fn proved_by(proof: &Proof) -> Terms {
    let beacon = proof.beacon.as_ref();
    [
        ("drop_id", proof.drop_id.to_string()),
        ("title", format!("{:?}", proof.title)),
        ("stock", proof.stock.to_string()),
        ("win_probability", format!("{:?}", proof.win_probability)),
        ("price", proof.price.to_string()),
        ("opens_at", proof.opens_at.to_string()),
        ("closes_at", proof.closes_at.to_string()),
        ("draw", format!("{:?}", proof.draw)),
        (
            "commitment",
            format!("{:?}", proof.commitment.to_ascii_lowercase()),
        ),
        ("beacon", in_words(beacon.map(|b| (&*b.source, b.round)))),
    ]
}

fn in_words(beacon: Option<(&str, u64)>) -> String {
    beacon.map_or_else(
        || "none".to_owned(),
        |(source, round)| format!("{source:?}, round {round}"),
    )
}

impl Check<'_> {
    /// The terms that people entered for, where they are told.
    pub(super) fn announcement(&mut self, announced: Option<&Announced>) {
        let Some(announced) = announced else {
            return;
        };
        let proved = proved_by(self.proof);
        for ((field, announced), (_, proved)) in announced_by(announced).into_iter().zip(proved) {
            if announced != proved {
                self.find(format!(
                    "{field} was announced as {announced}, the proof has {proved}"
                ));
            }
        }
    }
}
