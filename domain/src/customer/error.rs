//! Why a customer refuses.

/// A refusal of a customer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No such customer.
    #[error("no such customer")]
    NotFound,
    /// The customer exists already.
    #[error("the customer is already registered")]
    AlreadyRegistered,
    /// The customer was erased.
    #[error("the customer is erased")]
    Erased,
}

impl Error {
    /// The stable code of the refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::AlreadyRegistered => "already_registered",
            Self::Erased => "customer_erased",
        }
    }
}
