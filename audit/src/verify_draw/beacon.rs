//! What can be checked of a beacon without asking it: that its value came after the list was sealed, and that it is what was signed.
//!
//! Who signed is not checked here: that takes the beacon's public key and its own program (decision 0038 says how).

use aws_lc_rs::digest::{SHA256, digest};
use domain::drop::{
    MAX_BEACON_BYTES, MAX_SOURCE_BYTES,
    chains::{RoundTime, round_time},
};

use super::{
    Check,
    arithmetic::{bytes_of_any, hex},
};

/// Whether a drop would have taken this text.
fn is_text(text: &str, max: usize) -> bool {
    !text.trim().is_empty() && text.len() <= max && !text.contains('\0')
}

impl Check<'_> {
    /// What the draw rests on, and the beacon, where there is one.
    pub(super) fn beacon(&mut self) {
        self.fairness();
        let Some(beacon) = &self.proof.beacon else {
            return;
        };
        for (what, text, max) in [
            ("source", Some(&beacon.source), MAX_SOURCE_BYTES),
            ("value", Some(&beacon.value), MAX_BEACON_BYTES),
            ("signature", beacon.signature.as_ref(), MAX_BEACON_BYTES),
        ] {
            if text.is_some_and(|text| !is_text(text, max)) {
                self.find(format!(
                    "the beacon's {what} is no text of 1 to {max} bytes"
                ));
            }
        }
        if let Some(signature) = &beacon.signature {
            let signed = bytes_of_any(signature).map(|bytes| hex(digest(&SHA256, &bytes).as_ref()));
            if signed.as_ref() != Some(&beacon.value) {
                self.find("the beacon's value is not the SHA-256 of its signature");
            }
        }
        if self
            .proof
            .sealed_at
            .is_some_and(|sealed| beacon.recorded_at < sealed)
        {
            self.find("the beacon's value was told before the list was sealed");
        }
        self.round();
    }

    fn fairness(&mut self) {
        let proof = self.proof;
        match proof.fairness.as_str() {
            "beacon" if proof.beacon.is_none() => {
                self.find("the draw is said to rest on a beacon, and there is none");
            }
            "beacon" | "operator-trusted" => {}
            other => self.find(format!("{other:?} is nothing that a draw can rest on")),
        }
        // Who wins is told before there is a list, and a beacon could only come after that.
        if proof.draw == "on_entry" && (proof.beacon.is_some() || proof.fairness == "beacon") {
            self.find("what is drawn on entry has no beacon to rest on");
        }
    }

    /// That nobody knew the value before the list was sealed.
    fn round(&mut self) {
        let Some(beacon) = &self.proof.beacon else {
            return;
        };
        let round = format!("round {} of {:?}", beacon.round, beacon.source);
        if beacon.round == 0 {
            self.find(format!("there is no {round}: the first is 1"));
        }
        // A drop's clock never goes back, but it may stand: of a list and a value of one instant nothing tells which was first.
        if self.proof.fairness == "beacon" && self.proof.sealed_at == Some(beacon.recorded_at) {
            self.note(
                "the beacon's value was told at the very instant of the seal: the times do not tell which came first",
            );
        }
        let at = match round_time(&beacon.source, beacon.round) {
            RoundTime::At(at) => at,
            RoundTime::Never => {
                self.find(format!(
                    "{round} is centuries away: it was not there yet, so the value can't be its own"
                ));
                return;
            }
            RoundTime::Unknown => {
                self.note(format!(
                    "this program does not know when the rounds of {:?} fall: check by yourself that {round} came after the list was sealed",
                    beacon.source
                ));
                return;
            }
        };
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
