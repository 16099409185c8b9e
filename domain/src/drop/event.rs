//! What can have happened to a drop.

use cqrs_es::DomainEvent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{lot::Lot, probability::Probability};
use crate::{
    ids::{CustomerId, DropEntryId, OrganizerId, ShowId},
    points::Points,
    time::Timestamp,
};

/// When entries are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DrawMode {
    /// All at once, when no more are accepted.
    AtClose,
    /// Each as it comes.
    OnEntry,
}

/// A public value that nobody can know or choose before entries close.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Beacon {
    /// Who publishes it, for example `drand quicknet`; 1 to 200 bytes.
    pub source: String,
    /// Which of its values, 1 or more.
    pub round: u64,
}

/// Why no entry is accepted any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// `closes_at` came.
    Time,
    /// Everything is sold.
    Stock,
    /// The organizer closed it.
    Organizer,
}

/// Somebody in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entrant {
    /// The entry.
    pub entry_id: DropEntryId,
    /// Whose it is.
    pub customer_id: CustomerId,
    /// The command that it came with: a repeat has the same.
    pub command_id: uuid::Uuid,
}

/// What a lot came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DrawResult {
    /// It wins, and one of the stock is set aside for it.
    Won,
    /// It would win, but the stock is taken: it is next where a winner forfeits.
    Standby,
    /// It does not win.
    Lost,
}

/// An entry that was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Drawn {
    /// Place in the list of entries, from 0.
    pub index: u32,
    /// The entry.
    pub entry_id: DropEntryId,
    /// Whose it is.
    pub customer_id: CustomerId,
    /// Its lot.
    pub lot: Lot,
    /// What it came to.
    pub result: DrawResult,
    /// Place among the winning lots, from 1; none for a lost one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<u32>,
}

/// What came of a winner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// The price was debited: the good is the customer's.
    Paid,
    /// It could not be debited: the good goes to the next in order.
    Forfeited,
    /// Who forfeited can't be debited any more, and has back what was.
    Released,
}

/// A winner who was asked for the price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Settled {
    /// Place in the list of entries.
    pub index: u32,
    /// The entry.
    pub entry_id: DropEntryId,
    /// Whose it is.
    pub customer_id: CustomerId,
    /// What came of it.
    pub outcome: Settlement,
    /// Why it was forfeited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// Somebody who was next in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Standby {
    /// Place in the list of entries.
    pub index: u32,
    /// The entry.
    pub entry_id: DropEntryId,
    /// Whose it is.
    pub customer_id: CustomerId,
}

/// A fact about a drop. Stored as JSON, externally tagged; permanent. Each carries `organizer_id`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub enum Event {
    /// It was announced, and its secret committed to.
    DropOpened {
        /// Whose it is.
        organizer_id: OrganizerId,
        /// What is drawn for.
        title: String,
        /// How many there are.
        stock: u32,
        /// The chance of each entry.
        win_probability: Probability,
        /// What a winner pays.
        price: Points,
        /// First instant at which an entry is accepted.
        opens_at: Timestamp,
        /// First instant at which none is accepted any more.
        closes_at: Timestamp,
        /// When entries are drawn.
        draw: DrawMode,
        /// SHA-256 of the secret, in hexadecimal.
        commitment: String,
        /// The public value that is mixed in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        beacon: Option<Beacon>,
        /// The show whose waiting room stands before it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        show_id: Option<ShowId>,
    },
    /// Entries were accepted.
    EntriesRecorded {
        /// Whose drop it is.
        organizer_id: OrganizerId,
        /// Place in the list of the first of them, from 0.
        first: u32,
        /// In the order of the list; at most 1,000.
        entries: Vec<Entrant>,
    },
    /// No entry is accepted any more.
    DropClosed {
        /// Whose drop it is.
        organizer_id: OrganizerId,
        /// Why.
        reason: CloseReason,
        /// Length of the list.
        entries: u32,
        /// When.
        closed_at: Timestamp,
        /// Whether whoever closed it knew the beacon's value already.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        beacon_in_hand: bool,
    },
    /// The list's root was published: from here on the list can't be another.
    EntriesSealed {
        /// Whose drop it is.
        organizer_id: OrganizerId,
        /// Length of the list.
        entries: u32,
        /// Merkle root, in hexadecimal.
        root: String,
    },
    /// The beacon's value appeared.
    BeaconRecorded {
        /// Whose drop it is.
        organizer_id: OrganizerId,
        /// Who published it.
        source: String,
        /// Which of its values.
        round: u64,
        /// The value, as published.
        value: String,
        /// What it is the SHA-256 of, in hexadecimal, where the beacon signs its values: by it and the beacon's public key anyone can check
        /// that nobody else made the value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
    },
    /// Entries were drawn.
    EntriesDrawn {
        /// Whose drop it is.
        organizer_id: OrganizerId,
        /// In the order of drawing; at most 1,000.
        drawn: Vec<Drawn>,
        /// What is left of the stock.
        stock_left: u32,
    },
    /// Winners were asked for the price.
    WinnersSettled {
        /// Whose drop it is.
        organizer_id: OrganizerId,
        /// At most 500.
        settled: Vec<Settled>,
        /// Who gets what was forfeited, in order.
        promoted: Vec<Standby>,
        /// What is left of the stock.
        stock_left: u32,
    },
    /// Nobody makes room for those who were next any more: they have lost.
    StandbysDismissed {
        /// Whose drop it is.
        organizer_id: OrganizerId,
        /// In order; at most 1,000.
        dismissed: Vec<Standby>,
    },
    /// The secret was made known: the drop is over, and anyone can check it.
    SecretRevealed {
        /// Whose drop it is.
        organizer_id: OrganizerId,
        /// 32 bytes in hexadecimal.
        secret: String,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::DropOpened { .. } => "DropOpened",
            Self::EntriesRecorded { .. } => "EntriesRecorded",
            Self::DropClosed { .. } => "DropClosed",
            Self::EntriesSealed { .. } => "EntriesSealed",
            Self::BeaconRecorded { .. } => "BeaconRecorded",
            Self::EntriesDrawn { .. } => "EntriesDrawn",
            Self::WinnersSettled { .. } => "WinnersSettled",
            Self::StandbysDismissed { .. } => "StandbysDismissed",
            Self::SecretRevealed { .. } => "SecretRevealed",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}
