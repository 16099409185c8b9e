//! What can be asked of a drop.

use super::{
    event::{Beacon, DrawMode, Entrant},
    lot::Lot,
};
use crate::{
    ids::{OrganizerId, ShowId},
    points::Points,
    time::Timestamp,
};

/// A drop to open.
#[derive(Debug, Clone)]
pub struct Open {
    /// Whose it is.
    pub organizer_id: OrganizerId,
    /// What is drawn for, 1 to 200 bytes.
    pub title: String,
    /// How many there are, 1 to [`super::MAX_STOCK`].
    pub stock: u32,
    /// The chance of each entry, a decimal above 0, at most 1.
    pub win_probability: String,
    /// What a winner pays, zero or more.
    pub price: Points,
    /// First instant at which an entry is accepted.
    pub opens_at: Timestamp,
    /// First instant at which none is accepted any more.
    pub closes_at: Timestamp,
    /// When entries are drawn.
    pub draw: DrawMode,
    /// The public value that is mixed in; only where all are drawn at the close.
    pub beacon: Option<Beacon>,
    /// The show whose waiting room stands before it.
    pub show_id: Option<ShowId>,
    /// SHA-256 of the secret, in hexadecimal.
    pub commitment: String,
}

/// Somebody who enters, with the lot where it is drawn at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entering {
    /// Who.
    pub entrant: Entrant,
    /// What was drawn; `None` where all are drawn at the close.
    pub lot: Option<Lot>,
}

/// What came of asking a winner for the price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The price was debited.
    Paid,
    /// It could not be.
    Forfeited {
        /// Why; stable.
        code: String,
    },
    /// Whoever forfeited can't be debited any more, and has back what was.
    Released,
}

/// A request to a drop.
#[derive(Debug, Clone)]
pub enum Command {
    /// Open it.
    Open(Box<Open>),
    /// Take entries, at most [`super::ENTRY_BATCH`]; customers who have entered already are left out.
    Enter {
        /// In the order of arrival.
        entering: Vec<Entering>,
    },
    /// Accept no entry any more. Where none is accepted already, nothing happens.
    Close {
        /// Who asks.
        organizer_id: OrganizerId,
        /// Whether the beacon's value came with the request.
        beacon_in_hand: bool,
    },
    /// Record what time alone has made due, and nothing else.
    Tick,
    /// Publish the root of the list of entries, once it is closed.
    Seal {
        /// Merkle root, in hexadecimal.
        root: String,
        /// Length of the list that it is of.
        entries: u32,
    },
    /// Record the beacon's value, once the list is sealed.
    RecordBeacon {
        /// Who asks.
        organizer_id: OrganizerId,
        /// As the beacon published it, 1 to [`super::MAX_BEACON_BYTES`] bytes.
        value: String,
        /// As the beacon published it, in hexadecimal, where it was fetched from there; as long at most.
        signature: Option<String>,
    },
    /// Draw entries, at most [`super::DRAW_BATCH`], in the order of their lots, the least first.
    Draw {
        /// How many were drawn before.
        from: u32,
        /// Place in the list of entries, and lot.
        lots: Vec<(u32, Lot)>,
    },
    /// Record what came of asking winners for the price, at most [`super::SETTLE_BATCH`] of them. What was recorded before is left out.
    Settle {
        /// Place in the list of entries, and outcome.
        outcomes: Vec<(u32, Outcome)>,
    },
    /// Record that the first [`super::DISMISS_BATCH`] of those who are next have lost, when nobody can make room any more.
    Dismiss,
    /// Make the secret known, when everything else is done.
    Reveal {
        /// 32 bytes in hexadecimal.
        secret: String,
    },
}
