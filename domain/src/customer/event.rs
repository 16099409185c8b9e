//! What can have happened to a customer.

use cqrs_es::DomainEvent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ids::CustomerId, time::Timestamp};

/// Personal data as the log may hold it: AES-256-GCM under the customer's own key, base64. The key waits in the key
/// store; destroying it erases the data from every copy of the log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Ciphertext(pub String);

/// A fact about a customer. Stored as JSON, externally tagged; permanent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub enum Event {
    /// The customer exists.
    CustomerRegistered {
        /// Who.
        customer_id: CustomerId,
        /// E-mail address.
        email: Ciphertext,
        /// Name.
        name: Ciphertext,
    },
    /// The profile was changed; carries the whole profile.
    CustomerUpdated {
        /// Who.
        customer_id: CustomerId,
        /// E-mail address.
        email: Ciphertext,
        /// Name.
        name: Ciphertext,
    },
    /// The customer's key, password and sessions are to be destroyed.
    CustomerErased {
        /// Who.
        customer_id: CustomerId,
        /// When the process manager takes over, should the request not have destroyed them by then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resume_at: Option<Timestamp>,
    },
    /// The customer's key, password and sessions are destroyed: nobody can read the personal data any more.
    PersonalDataDestroyed {
        /// Whose.
        customer_id: CustomerId,
    },
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::CustomerRegistered { .. } => "CustomerRegistered",
            Self::CustomerUpdated { .. } => "CustomerUpdated",
            Self::CustomerErased { .. } => "CustomerErased",
            Self::PersonalDataDestroyed { .. } => "PersonalDataDestroyed",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}
