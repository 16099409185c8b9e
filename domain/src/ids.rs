//! Identifiers: `UUIDv7`, each kind a type of its own so that two can't be confused.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta] $name:ident;)*) => {$(
        #[$doc]
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )*};
}

id! {
    /// Who runs venues, concerts and shows.
    OrganizerId;
    /// A seating plan's place.
    VenueId;
    /// The act and its text.
    ConcertId;
    /// One dated concert in one venue.
    ShowId;
    /// A customer; also the id of the customer's point account.
    CustomerId;
    /// Seats or standing places held for, or sold to, a customer.
    ReservationId;
    /// One payment and its saga.
    PaymentId;
    /// One top-up of points.
    ChargeId;
    /// A place in a show's queue; also the id of the pass that it leads to.
    EntryId;
    /// A lottery for goods.
    DropId;
    /// An entry in a drop; also the id of the payment that a win leads to.
    DropEntryId;
}
