//! What a proof says of times and price: nothing that a drop would not have let come about.
//!
//! ```text
//!  opens_at < closes_at      opens_at <= (first entry) <= closed_at <= sealed_at <= beacon
//! ```
//!
//! Deliberately not compared: `closed_at` and `closes_at`. An organizer or an empty stock may close a drop early.

use super::Check;

impl Check<'_> {
    /// The order of the times.
    pub(super) fn times(&mut self) {
        let proof = self.proof;
        let (opens, closes) = (proof.opens_at, proof.closes_at);
        if closes <= opens {
            self.find(format!("the drop closes at {closes}, and opens at {opens}"));
        }
        if proof.closed_at.is_none() {
            self.find("it is not said when the drop closed");
        }
        if proof.sealed_at.is_none() {
            self.find("it is not said when the list was sealed");
        }
        // An organizer may call a drop off before it opens; then nobody has entered.
        if let Some(closed) = proof.closed_at.filter(|closed| *closed < opens)
            && !proof.list.is_empty()
        {
            self.find(format!(
                "the drop closed at {closed} with entries, and opened at {opens}"
            ));
        }
        if let Some((closed, sealed)) = proof.closed_at.zip(proof.sealed_at)
            && sealed < closed
        {
            self.find(format!(
                "the list was sealed at {sealed}, and the drop closed at {closed}"
            ));
        }
    }

    /// The price, and who can have failed to pay it.
    pub(super) fn price(&mut self) {
        let proof = self.proof;
        if proof.price < 0 {
            self.find(format!("the price is {}", proof.price));
        }
        // No balance is below zero.
        let mut forfeited = proof.list.iter().filter(|e| e.result == "forfeited");
        if let Some(entry) = forfeited.next()
            && proof.price <= 0
        {
            self.find(format!(
                "entry {} has \"forfeited\", and there was nothing to pay",
                entry.id
            ));
        }
    }
}
