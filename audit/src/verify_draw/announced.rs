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

impl Announced {
    /// What the proof says was announced.
    fn by(proof: &Proof) -> Self {
        Self {
            drop_id: proof.drop_id,
            title: proof.title.clone(),
            stock: proof.stock,
            win_probability: proof.win_probability.clone(),
            price: proof.price,
            opens_at: proof.opens_at,
            closes_at: proof.closes_at,
            draw: proof.draw.clone(),
            commitment: proof.commitment.clone(),
            beacon: proof.beacon.as_ref().map(|beacon| Beacon {
                source: beacon.source.clone(),
                round: beacon.round,
            }),
        }
    }

    /// Each field's name and value, as findings show it.
    fn in_words(&self) -> [(&'static str, String); 10] {
        let commitment = self.commitment.to_ascii_lowercase();
        let beacon = self.beacon.as_ref();
        let beacon = beacon.map(|beacon| format!("{:?}, round {}", beacon.source, beacon.round));
        [
            ("drop_id", self.drop_id.to_string()),
            ("title", format!("{:?}", self.title)),
            ("stock", self.stock.to_string()),
            ("win_probability", format!("{:?}", self.win_probability)),
            ("price", self.price.to_string()),
            ("opens_at", self.opens_at.to_string()),
            ("closes_at", self.closes_at.to_string()),
            ("draw", format!("{:?}", self.draw)),
            ("commitment", format!("{commitment:?}")),
            ("beacon", beacon.unwrap_or_else(|| "none".to_owned())),
        ]
    }
}

impl Check<'_> {
    /// The terms that people entered for, where they are told.
    pub(super) fn announcement(&mut self, announced: Option<&Announced>) {
        let Some(announced) = announced else {
            return;
        };
        let proved = Announced::by(self.proof).in_words();
        for ((field, announced), (_, proved)) in announced.in_words().into_iter().zip(proved) {
            if announced != proved {
                self.find(format!(
                    "{field} was announced as {announced}, the proof has {proved}"
                ));
            }
        }
    }
}
