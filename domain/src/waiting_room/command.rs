//! What can be asked of a waiting room.

use super::event::{Draw, Entrant, Reason, Settings};
use crate::{
    ids::{EntryId, OrganizerId},
    time::Timestamp,
};

/// A request to a waiting room.
#[derive(Debug, Clone)]
pub enum Command {
    /// Put the room of a show up. Where it is up already, nothing happens.
    Open {
        /// Whose show it is.
        organizer_id: OrganizerId,
        /// When the doors open: the show's `on_sale_at`.
        opens_at: Timestamp,
        /// How fast, how many, how long.
        settings: Settings,
        /// SHA-256 of the seed that the first places will be drawn by, in hexadecimal.
        commitment: String,
    },
    /// Set the block of numbers behind `after` aside. Where one behind it was set aside already, nothing happens.
    Reserve {
        /// The last number that the caller knows of.
        after: u64,
        /// Why.
        reason: Reason,
    },
    /// Let customers in; those who were let in before, and could still buy, are left out.
    Admit {
        /// In the order of the queue, at most [`super::ADMISSION_BATCH`].
        entrants: Vec<Entrant>,
    },
    /// Record that passes ran out unused; those that the room does not know, or whose time is not over, are left out.
    Expire {
        /// At most [`super::ADMISSION_BATCH`].
        passes: Vec<EntryId>,
    },
    /// Change the settings; what is `None` stays.
    Change {
        /// Who asks.
        organizer_id: OrganizerId,
        /// Customers let in per second.
        admit_per_second: Option<u32>,
        /// Passes at a time.
        max_active: Option<u32>,
        /// How long a pass is good for.
        pass_seconds: Option<u32>,
    },
    /// Let nobody in for now.
    Pause {
        /// Who asks.
        organizer_id: OrganizerId,
    },
    /// Let customers in again.
    Resume {
        /// Who asks.
        organizer_id: OrganizerId,
    },
    /// Record how the places of those who came before the doors opened are drawn; once.
    Draw {
        /// Everything that the order follows from.
        draw: Draw,
    },
    /// Let nobody in any more: the sale is over.
    Close,
}
