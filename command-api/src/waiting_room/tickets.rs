//! Receipts and passes: signed, so that they are checked without asking anybody.
//!
//! A *receipt* says that an entry exists and where it stands; it outlives the store of the queue. A *pass* says that a customer was let in,
//! and until when. Both are bound to the customer and the show, and signed with the installation's key.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{
    ids::{CustomerId, EntryId, ShowId},
    waiting_room::Entrant,
};
use edge::auth::{Signer, Verifier};
use serde::{Deserialize, Serialize};

use super::{Place, Standing, State};

/// The header in which a pass is shown.
pub const PASS_HEADER: &str = "queue-pass";
/// The header in which a receipt is shown.
pub const RECEIPT_HEADER: &str = "queue-receipt";
/// What a signed pass is for; permanent.
const PASS: &str = "frontrow/queue-pass";
/// What a signed receipt is for; permanent.
const RECEIPT: &str = "frontrow/queue-receipt";
/// Longest pass or receipt, in bytes: ours have about 500.
const MAX_BYTES: usize = 2_048;

/// What a receipt says. Unknown fields are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    show: ShowId,
    sub: CustomerId,
    entry: EntryId,
    number: u64,
    /// Whether the entry came before the doors opened.
    early: bool,
    /// Whether `number` is the one that it drew.
    #[serde(default)]
    drawn: bool,
}

impl Receipt {
    /// The entry that it tells of.
    pub fn entrant(&self) -> Entrant {
        Entrant {
            number: self.number,
            entry_id: self.entry,
            customer_id: self.sub,
        }
    }

    /// Whether the entry waited for the draw when the receipt was written.
    pub fn awaits_draw(&self) -> bool {
        self.early && !self.drawn
    }

    /// The place as it was, by its number.
    pub fn place(&self) -> Place {
        Place {
            entrant: self.entrant(),
            order: super::Order::of(self.number),
            early: self.early,
        }
    }
}

/// What a pass says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Pass {
    show: ShowId,
    sub: CustomerId,
    entry: EntryId,
    number: u64,
    /// Microseconds since 1970: the first at which it is void.
    until: i64,
}

/// Why a pass is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassProblem {
    /// None was shown.
    Missing,
    /// None of ours, another customer's, or for another show.
    Invalid,
    /// Its time is over.
    Expired,
}

impl PassProblem {
    /// As a client reads it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Invalid => "invalid",
            Self::Expired => "expired",
        }
    }
}

/// Writes and checks receipts and passes.
#[derive(Debug, Clone)]
pub struct Tickets {
    signer: Arc<Signer>,
    verifier: Arc<Verifier>,
}

impl Tickets {
    /// Signed by `signer`; trusted where `verifier` does.
    pub fn new(signer: Arc<Signer>, verifier: Arc<Verifier>) -> Self {
        Self { signer, verifier }
    }

    /// The receipt of an entry.
    pub fn receipt(&self, show: ShowId, standing: &Standing) -> String {
        let Entrant {
            number,
            entry_id,
            customer_id,
        } = standing.entrant;
        let receipt = Receipt {
            show,
            sub: customer_id,
            entry: entry_id,
            number,
            early: standing.early,
            drawn: standing.early && standing.state != State::Lobby,
        };
        self.signer.sign_document(RECEIPT, &receipt)
    }

    /// The pass of an entry that was let in.
    pub fn pass(&self, show: ShowId, standing: &Standing) -> Option<String> {
        let State::Admitted { expires_at } = standing.state else {
            return None;
        };
        let pass = Pass {
            show,
            sub: standing.entrant.customer_id,
            entry: standing.entrant.entry_id,
            number: standing.entrant.number,
            until: expires_at.timestamp_micros(),
        };
        Some(self.signer.sign_document(PASS, &pass))
    }

    /// A receipt of this customer's for this show, if the text is one.
    pub fn read_receipt(&self, show: ShowId, customer: CustomerId, text: &str) -> Option<Receipt> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let receipt: Receipt = self.verifier.document(RECEIPT, text).ok()?;
        (receipt.show == show && receipt.sub == customer).then_some(receipt)
    }

    /// The entry whose pass this is, if it is this customer's, for this show, and not void at `now`.
    ///
    /// # Errors
    /// Why it is not good.
    pub fn read_pass(
        &self,
        show: ShowId,
        customer: CustomerId,
        text: &str,
        now: DateTime<Utc>,
    ) -> Result<EntryId, PassProblem> {
        if text.len() > MAX_BYTES {
            return Err(PassProblem::Invalid);
        }
        let pass: Pass = self
            .verifier
            .document(PASS, text)
            .map_err(|_| PassProblem::Invalid)?;
        if pass.show != show || pass.sub != customer {
            return Err(PassProblem::Invalid);
        }
        if pass.until <= now.timestamp_micros() {
            return Err(PassProblem::Expired);
        }
        Ok(pass.entry)
    }
}
