//! The rows of the read model, one file per table.
//!
//! A row is a document that is written and read whole. Times are stored in microseconds since 1970, so that they sort.
//! `position` is the place in the log of the last event that changed the row.

mod accounts;
mod concerts;
mod drops;
mod payments;
mod reservations;
mod sagas;
mod shows;
mod transactions;

pub use self::{
    accounts::Account,
    concerts::Concert,
    drops::{Drop, DropEntry},
    payments::{Payment, PaymentStatus},
    reservations::{Reservation, ReservationStatus},
    sagas::{Saga, SagaState},
    shows::{CategoryCount, Counts, Show, ShowStatus, ShowWithCounts},
    transactions::{Transaction, TransactionKind},
};
