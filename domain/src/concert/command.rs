//! What can be asked of a concert.

use crate::ids::OrganizerId;

/// A request to a concert.
#[derive(Debug, Clone)]
pub enum Command {
    /// Announce the act.
    Announce {
        /// Whose it will be.
        organizer_id: OrganizerId,
        /// Title, 1 to 200 bytes.
        title: String,
        /// Artist, 1 to 200 bytes.
        artist: String,
        /// Free text, at most 10,000 bytes.
        description: Option<String>,
    },
    /// Replace its text.
    Revise {
        /// Who asks.
        organizer_id: OrganizerId,
        /// Title, 1 to 200 bytes.
        title: String,
        /// Artist, 1 to 200 bytes.
        artist: String,
        /// Free text, at most 10,000 bytes.
        description: Option<String>,
    },
}
