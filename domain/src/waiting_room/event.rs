//! What can have happened to a waiting room.

use cqrs_es::DomainEvent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{CustomerId, EntryId, OrganizerId},
    time::Timestamp,
};

/// How fast a room lets customers in, how many at a time, for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    /// Customers let in per second, 1 to 10,000.
    pub admit_per_second: u32,
    /// Customers with a pass who have not bought yet, 1 to 100,000.
    pub max_active: u32,
    /// How long a pass is good for, in seconds, 1 to 7,200.
    pub pass_seconds: u32,
}

/// A place in the queue that came to its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entrant {
    /// Queue number.
    pub number: u64,
    /// The entry: also the id of its pass.
    pub entry_id: EntryId,
    /// Whose it is.
    pub customer_id: CustomerId,
}

/// Why numbers were set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The block before is used up, or there was none.
    UsedUp,
    /// The store of the queue came back without its data: which numbers of the block before were given out is not known, so that none of
    /// them is given out again.
    StoreLost,
}

/// What happened to the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The room was put up.
    Opened,
    /// Other settings.
    Changed,
    /// Nobody is let in for now.
    Paused,
    /// Customers are let in again.
    Resumed,
    /// The doors opened; those who were there before them have their places.
    Drawn,
    /// Nobody is let in any more.
    Closed,
}

/// How the places of those who came before the doors opened were drawn: with it, anyone can draw them again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Draw {
    /// The seed, 32 bytes in hexadecimal; its SHA-256 is the commitment that the room was put up with.
    pub seed: String,
    /// What nobody could know before entry closed: SHA-256 of the entries' ids in the order of their numbers, in hexadecimal.
    pub public_value: String,
    /// How many entries were drawn.
    pub entries: u64,
    /// The highest number among them; numbers above it were given out in the order of arrival.
    pub last_number: u64,
}

/// A fact about a waiting room. Stored as JSON, externally tagged; permanent. Each carries `organizer_id`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub enum Event {
    /// Numbers were set aside; each is given out once at most.
    NumbersReserved {
        /// Whose room it is.
        organizer_id: OrganizerId,
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
        /// Why.
        reason: Reason,
    },
    /// Customers were let in: each has a pass.
    CustomersAdmitted {
        /// Whose room it is.
        organizer_id: OrganizerId,
        /// Who, in the order of the queue; at most 1,000.
        admitted: Vec<Entrant>,
        /// When.
        admitted_at: Timestamp,
        /// The first instant at which their passes are void.
        expires_at: Timestamp,
    },
    /// Passes ran out unused: their places are others'.
    PassesExpired {
        /// Whose room it is.
        organizer_id: OrganizerId,
        /// Whose passes; at most 1,000.
        passes: Vec<Entrant>,
    },
    /// The flow changed; carries all of it.
    FlowChanged {
        /// Whose room it is.
        organizer_id: OrganizerId,
        /// What happened.
        change: Change,
        /// When the doors open.
        opens_at: Timestamp,
        /// How fast, how many, how long.
        #[serde(flatten)]
        settings: Settings,
        /// Whether nobody is let in for now.
        paused: bool,
        /// SHA-256 of the seed, in hexadecimal.
        commitment: String,
        /// How places were drawn; only with `drawn`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        draw: Option<Draw>,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::NumbersReserved { .. } => "NumbersReserved",
            Self::CustomersAdmitted { .. } => "CustomersAdmitted",
            Self::PassesExpired { .. } => "PassesExpired",
            Self::FlowChanged { .. } => "FlowChanged",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}
