//! What can have happened to a concert.

use cqrs_es::DomainEvent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::OrganizerId;

/// A fact about a concert. Stored as JSON, externally tagged; permanent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub enum Event {
    /// The act was announced.
    ConcertAnnounced {
        /// Whose it is.
        organizer_id: OrganizerId,
        /// Title, 1 to 200 bytes.
        title: String,
        /// Artist, 1 to 200 bytes.
        artist: String,
        /// Free text, at most 10,000 bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
    /// Its text was changed; carries the whole text.
    ConcertRevised {
        /// Whose it is.
        organizer_id: OrganizerId,
        /// Title, 1 to 200 bytes.
        title: String,
        /// Artist, 1 to 200 bytes.
        artist: String,
        /// Free text, at most 10,000 bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::ConcertAnnounced { .. } => "ConcertAnnounced",
            Self::ConcertRevised { .. } => "ConcertRevised",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}
