//! What can have happened to an operation.

use std::collections::BTreeMap;

use cqrs_es::DomainEvent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A fact about an operation. Stored as JSON, externally tagged; permanent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub enum Event {
    /// An operator did something that the system does not do by itself. Carries texts alone: an act that a later release invents must
    /// not stop the readers of this one.
    OperatorActed {
        /// What was done, for example `projection.skip`; at most 64 bytes.
        act: String,
        /// What it was done to, for example `seat_maps`; 1 to 200 bytes.
        subject: String,
        /// How, by name.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        arguments: BTreeMap<String, String>,
        /// Who did it: an administrator's id, or `user@host` for the command line; 1 to 200 bytes.
        actor: String,
        /// Why, 1 to 1,000 bytes.
        reason: String,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::OperatorActed { .. } => "OperatorActed",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}
