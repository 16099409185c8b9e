//! What can be asked of a customer.

use crate::{customer::event::Ciphertext, ids::CustomerId};

/// A request to a customer. Personal fields arrive encrypted: no rule looks into them.
#[derive(Debug, Clone)]
pub enum Command {
    /// Register; the caller brings the claim on the e-mail address along.
    Register {
        /// Who.
        customer_id: CustomerId,
        /// E-mail address.
        email: Ciphertext,
        /// Name.
        name: Ciphertext,
    },
    /// Replace the profile.
    Update {
        /// E-mail address.
        email: Ciphertext,
        /// Name.
        name: Ciphertext,
    },
    /// Erase: what can be read is to be destroyed.
    Erase,
    /// Note that it is destroyed.
    NoteDestruction,
}
