//! Checks the proof of a drop's draw, without a server: decision 0031 has every byte of it.
//!
//! ```text
//!  proof ──▶ commitment = SHA-256(secret)?   root = Merkle(list)?   each lot = HMAC(secret, root ‖ beacon ‖ entry)?
//!        ──▶ the order of the winning lots?  the stock?             ──▶ findings
//! ```
//!
//! Deliberately not the code that draws: what decides must not be what checks it. Only bounds, and when the rounds of public beacons fall,
//! are the domain's: facts that are written down once.

mod announced;
mod arithmetic;
mod beacon;
mod proof;
mod report;
mod terms;
#[cfg(test)]
mod tests;

use std::io::Read;

use aws_lc_rs::{
    digest::{Context, SHA256, digest},
    hmac,
};
use uuid::Uuid;

pub(crate) use self::arithmetic::threshold;
pub use self::{
    announced::{Announced, Illegible},
    report::{EntryReport, Report},
};
use self::{
    arithmetic::{bytes_of, hex},
    proof::Proof,
};

/// Most findings that are kept: one is enough to refuse a proof.
const MAX_FINDINGS: usize = 100;

/// Why a proof can't be checked.
#[derive(Debug, thiserror::Error)]
#[error("the proof can't be read")]
pub struct Unreadable(#[from] serde_json::Error);

/// What the proof must agree with beyond itself.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// An entry that must be in the list.
    pub entry: Option<Uuid>,
    /// The commitment as it was published before entries opened.
    pub commitment: Option<String>,
    /// The root as it was published at the close.
    pub root: Option<String>,
    /// The terms as they were announced.
    pub announced: Option<Announced>,
}

/// Checks a proof.
///
/// # Errors
/// [`Unreadable`]; what is wrong with one that can be read is in the report.
pub fn verify_draw(proof: impl Read, expected: &Expected) -> Result<Report, Unreadable> {
    let proof = proof::read(proof)?;
    let mut check = Check::new(&proof);
    check.commitments(expected);
    check.announcement(expected.announced.as_ref());
    check.times();
    check.price();
    check.beacon();
    check.list();
    check.lots();
    check.order();
    Ok(check.report(expected))
}

type Digest = [u8; 32];

struct Check<'a> {
    proof: &'a Proof,
    /// The lot of each entry, as it is computed here.
    lots: Vec<u64>,
    winning: usize,
    won: usize,
    findings: Vec<String>,
    notes: Vec<String>,
}

impl<'a> Check<'a> {
    fn new(proof: &'a Proof) -> Self {
        Self {
            proof,
            lots: Vec::new(),
            winning: 0,
            won: 0,
            findings: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn find(&mut self, finding: impl Into<String>) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding.into());
        }
    }

    /// What is not wrong, but whoever checks must know.
    fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// The form, the commitment, and what was published beforehand.
    fn commitments(&mut self, expected: &Expected) {
        let proof = self.proof;
        if proof.format != proof::FORMAT {
            self.find(format!(
                "the form is {:?}, not {}",
                proof.format,
                proof::FORMAT
            ));
        }
        if !["at_close", "on_entry"].contains(&proof.draw.as_str()) {
            self.find(format!("{:?} is no way to draw", proof.draw));
        }
        match commitment_of(&proof.secret) {
            Some(commitment) if commitment == proof.commitment => {}
            Some(_) => self.find("the secret is not the one that was committed to"),
            None => self.find("the secret is not 32 bytes in hexadecimal"),
        }
        for (what, published, proved) in [
            ("commitment", &expected.commitment, &proof.commitment),
            ("root", &expected.root, &proof.root),
        ] {
            if let Some(published) = published
                .as_ref()
                .filter(|text| !text.eq_ignore_ascii_case(proved))
            {
                self.find(format!(
                    "the {what} was published as {published:?}, the proof has {proved:?}"
                ));
            }
        }
    }

    /// The list: each entry once, and the root over all of them.
    fn list(&mut self) {
        let list = &self.proof.list;
        if self.proof.entries != list.len() {
            self.find(format!(
                "the list has {} entries, not {}",
                list.len(),
                self.proof.entries
            ));
        }
        let mut ids: Vec<Uuid> = list.iter().map(|entry| entry.id).collect();
        if root_of(&ids) != self.proof.root {
            self.find("the list is not the one that was sealed: its root is another");
        }
        ids.sort_unstable();
        let twice = ids.windows(2).find(|pair| pair[0] == pair[1]);
        if let Some(twice) = twice {
            let id = twice[0];
            self.find(format!("the entry {id} is in the list twice"));
        }
    }

    /// Every lot anew.
    fn lots(&mut self) {
        let root = (self.proof.draw != "on_entry").then_some(self.proof.root.as_str());
        let beacon = self.proof.beacon.as_ref();
        let beacon = beacon.map_or("", |beacon| beacon.value.as_str());
        let Some(draw) = Draw::new(&self.proof.secret, root, beacon) else {
            self.find("without secret and root no lot can be drawn");
            return;
        };
        let lots: Vec<u64> = self
            .proof
            .list
            .iter()
            .map(|entry| draw.lot(entry.id))
            .collect();
        for (entry, lot) in self.proof.list.iter().zip(&lots) {
            if entry.lot != format!("{lot:016x}") {
                self.find(format!(
                    "the lot of entry {} is {lot:016x}, the proof has {:?}",
                    entry.id, entry.lot
                ));
            }
        }
        self.lots = lots;
    }

    /// Who won: the winning lots in their order, as long as there is stock.
    fn order(&mut self) {
        let Some(threshold) = threshold(&self.proof.win_probability) else {
            let text = &self.proof.win_probability;
            self.find(format!("{text:?} is no probability"));
            return;
        };
        let list = &self.proof.list;
        let mut winning: Vec<usize> = (0..self.lots.len())
            .filter(|n| u128::from(self.lots[*n]) < threshold)
            .collect();
        if self.proof.draw == "at_close" {
            winning.sort_by_key(|n| (self.lots[*n], list[*n].id));
        }
        let mut place = vec![None; list.len()];
        for (n, index) in winning.iter().enumerate() {
            place[*index] = u32::try_from(n + 1).ok();
        }
        let mut left = self.proof.stock;
        let mut findings = Vec::new();
        for index in &winning {
            let entry = &list[*index];
            // Whoever forfeited had one of the stock, which went to the next.
            let is_right = match entry.result.as_str() {
                "won" | "forfeited" => left > 0,
                "lost" => left == 0,
                _ => false,
            };
            if !is_right {
                findings.push(format!(
                    "entry {} has {:?}, and {left} of the stock were left",
                    entry.id, entry.result
                ));
            }
            if entry.result == "won" {
                left = left.saturating_sub(1);
            }
        }
        for (entry, place) in list.iter().zip(place) {
            if entry.place != place {
                let [told, place] = [entry.place, place].map(in_words);
                findings.push(format!(
                    "entry {} has {told} among the winning lots, not {place}",
                    entry.id
                ));
            }
            if place.is_none() && entry.result != "lost" {
                findings.push(format!(
                    "entry {} has {:?}, and its lot does not win",
                    entry.id, entry.result
                ));
            }
        }
        let won = list.iter().filter(|entry| entry.result == "won").count();
        if won > self.proof.stock as usize {
            findings.push(format!("{won} won, and there were {}", self.proof.stock));
        }
        (self.winning, self.won) = (winning.len(), won);
        for finding in findings {
            self.find(finding);
        }
    }

    fn report(mut self, expected: &Expected) -> Report {
        let entry = expected.entry.map(|id| {
            let number = self.proof.list.iter().position(|entry| entry.id == id);
            if number.is_none() {
                self.find(format!("the entry {id} is not in the list"));
            }
            let lot = number.and_then(|number| self.lots.get(number));
            EntryReport {
                entry_id: id,
                number,
                lot: lot.map(|lot| format!("{lot:016x}")),
                result: number.map(|number| self.proof.list[number].result.clone()),
            }
        });
        let proof = self.proof;
        let beacon = proof.beacon.as_ref();
        Report {
            drop_id: proof.drop_id,
            title: proof.title.clone(),
            draw: proof.draw.clone(),
            fairness: proof.fairness.clone(),
            beacon: beacon.map(|b| format!("{:?}, round {}: {:?}", b.source, b.round, b.value)),
            commitment: proof.commitment.clone(),
            root: proof.root.clone(),
            entries: proof.list.len(),
            winning: self.winning,
            won: self.won,
            stock: proof.stock,
            entry,
            notes: self.notes,
            findings: self.findings,
        }
    }
}

fn in_words(place: Option<u32>) -> String {
    place.map_or_else(|| "no place".to_owned(), |place| format!("place {place}"))
}

/// What is committed to, of a secret in hexadecimal.
pub(crate) fn commitment_of(secret: &str) -> Option<String> {
    let secret = bytes_of(secret)?;
    Some(hex(digest(&SHA256, &secret).as_ref()))
}

/// The root of a list, in hexadecimal.
pub(crate) fn root_of(ids: &[Uuid]) -> String {
    hex(&root(ids))
}

/// What lots follow from.
pub(crate) struct Draw {
    key: hmac::Key,
    prefix: Vec<u8>,
}

impl Draw {
    /// Of a secret and the root of the list, in hexadecimal; `None`: each entry was drawn before the list was known.
    pub(crate) fn new(secret: &str, root: Option<&str>, beacon: &str) -> Option<Self> {
        let secret = bytes_of(secret)?;
        let root = root.map_or(Some([0; 32]), bytes_of)?;
        Some(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
            prefix: [&root[..], beacon.as_bytes()].concat(),
        })
    }

    /// The first eight bytes of HMAC(secret, root, beacon, entry), most significant first.
    pub(crate) fn lot(&self, entry: Uuid) -> u64 {
        let message = [&self.prefix[..], entry.as_bytes()].concat();
        let tag = hmac::sign(&self.key, &message);
        u64::from_be_bytes(*tag.as_ref().first_chunk().expect("32 bytes"))
    }
}

/// RFC 6962, section 2.1, as it is written there: the left half is the largest power of two that leaves something for the right.
fn root(ids: &[Uuid]) -> Digest {
    match ids {
        [] => hashed(&[]),
        [id] => hashed(&[&[0], id.as_bytes()]),
        _ => {
            let half = ids.len().next_power_of_two() / 2;
            let (left, right) = ids.split_at(half);
            hashed(&[&[1], &root(left), &root(right)])
        }
    }
}

fn hashed(parts: &[&[u8]]) -> Digest {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    *context.finish().as_ref().first_chunk().expect("32 bytes")
}
