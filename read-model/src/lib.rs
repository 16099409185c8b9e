//! 5 STORE: what projections write and queries read.
//!
//! ```text
//!  projections ── write(rows, checkpoints) ──▶ [ rows │ checkpoints ] ──▶ read(...) = At { position, value } ── query-api
//!                 one transaction                                          one snapshot
//! ```
//!
//! PORT: [`ReadModel`]. Its contract, which `conformance` checks on every adapter:
//!
//! - **One transaction.** Rows and the checkpoints that they bring about are stored together or not at all.
//! - **Compare and set.** A write names the checkpoints it started from. Where one of them has moved, nothing of the
//!   write is stored and the answer is [`Error::CheckpointMoved`]: two writers can't both apply one event.
//! - **One snapshot.** A read answers with the position of its projection, taken from the same snapshot as the data:
//!   the value shows every event up to that position and none after it.
//! - **Whole rows.** A row that is written replaces the one under its key; a row comes back exactly as it was written.
//! - **Pages.** A list goes on right behind its cursor: walking it to the end shows each row that stays once, in order.
//! - **Dumps.** A [`Snapshot`] shows all rows of one instant, in key order, however long it is read and whatever is
//!   written meanwhile.
//!
//! The store can be rebuilt from the log at any time, so it is not required to survive a loss of power with the very last
//! write, only to come back with rows and checkpoints that belong together.
#![warn(missing_docs)]

mod checkpoint;
pub mod conformance;
mod page;
mod rows;
pub mod seat_map;
mod sqlite;
pub mod tables;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use domain::{
    ids::{ConcertId, CustomerId, PaymentId, ReservationId, ShowId},
    time::Timestamp,
};

use crate::tables::{
    Account, Concert, Payment, Reservation, Saga, SagaState, ShowWithCounts, Transaction,
};
pub use crate::{
    checkpoint::{Checkpoint, ProjectionId},
    page::{DEFAULT_LIMIT, Items, MAX_LIMIT, Page},
    rows::{Document, Keys, Rows, Table},
    seat_map::SeatMap,
    sqlite::SqliteReadModel,
};

/// Why the read model failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Another writer moved a checkpoint: read the checkpoints again and start from there.
    #[error("another writer moved the checkpoint of {projection}, partition {partition}")]
    CheckpointMoved {
        /// Name of the projection.
        projection: String,
        /// Partition of the bus.
        partition: u32,
    },
    /// A cursor was not made by this list.
    #[error("not a cursor of this list: {0}")]
    BadCursor(String),
    /// The store can't be reached, or is busy for longer than the adapter waits; try again.
    #[error("the read model is unavailable: {0}")]
    Unavailable(String),
    /// What the store holds can't be read: made by a newer program, or damaged.
    #[error("the read model is corrupt: {0}")]
    Corrupt(String),
    /// The URL names no adapter.
    #[error("unknown read model `{0}`; known: sqlite:PATH")]
    UnknownScheme(String),
}

/// A value, and the position up to which it shows the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    /// Every event up to here is in the value, none after it.
    pub position: u64,
    /// What was asked for.
    pub value: T,
}

impl<T> At<T> {
    /// The same position beside another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> At<U> {
        At {
            position: self.position,
            value: f(self.value),
        }
    }
}

/// What a projection writes at a time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Write {
    /// The rows, whole.
    pub rows: Rows,
    /// Checkpoints, from where they must stand to where they shall stand. A checkpoint that does not exist yet stands at
    /// position 0 of epoch 0.
    pub advance: Vec<(Checkpoint, Checkpoint)>,
}

/// Which shows to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShowFilter {
    /// Shows of this concert alone.
    pub concert_id: Option<ConcertId>,
    /// Shows that start at or after this instant.
    pub from: Option<Timestamp>,
    /// Shows that start before this instant.
    pub to: Option<Timestamp>,
}

/// The port. See the crate's documentation for the contract.
#[async_trait]
pub trait ReadModel: Send + Sync + fmt::Debug {
    /// Every checkpoint there is.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn checkpoints(&self) -> Result<Vec<Checkpoint>, Error>;

    /// Stores rows and moves checkpoints, all or nothing.
    ///
    /// # Errors
    /// [`Error::CheckpointMoved`] where a checkpoint does not stand where the write says; [`Error::Unavailable`].
    async fn write(&self, write: &Write) -> Result<(), Error>;

    /// The rows under `keys` that exist, for a fold to go on from; as the writer's own store has them.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    async fn load(&self, keys: &Keys) -> Result<Rows, Error>;

    /// Opens all rows of this instant for reading in key order.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error>;

    /// One concert.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`]; so for every read.
    async fn concert(&self, id: ConcertId) -> Result<At<Option<Concert>>, Error>;

    /// All concerts, newest first.
    ///
    /// # Errors
    /// As [`ReadModel::concert`], and [`Error::BadCursor`]; so for every list.
    async fn concerts(&self, page: &Page) -> Result<At<Items<Concert>>, Error>;

    /// One show.
    ///
    /// # Errors
    /// As [`ReadModel::concert`].
    async fn show(&self, id: ShowId) -> Result<At<Option<ShowWithCounts>>, Error>;

    /// Shows, by start.
    ///
    /// # Errors
    /// As [`ReadModel::concerts`].
    async fn shows(
        &self,
        filter: &ShowFilter,
        page: &Page,
    ) -> Result<At<Items<ShowWithCounts>>, Error>;

    /// The seat map of one show.
    ///
    /// # Errors
    /// As [`ReadModel::concert`].
    async fn seat_map(&self, show: ShowId) -> Result<At<Option<SeatMap>>, Error>;

    /// One reservation.
    ///
    /// # Errors
    /// As [`ReadModel::concert`].
    async fn reservation(&self, id: ReservationId) -> Result<At<Option<Reservation>>, Error>;

    /// A customer's reservations, newest first.
    ///
    /// # Errors
    /// As [`ReadModel::concerts`].
    async fn reservations_of(
        &self,
        customer: CustomerId,
        page: &Page,
    ) -> Result<At<Items<Reservation>>, Error>;

    /// One payment.
    ///
    /// # Errors
    /// As [`ReadModel::concert`].
    async fn payment(&self, id: PaymentId) -> Result<At<Option<Payment>>, Error>;

    /// A customer's payments, newest first.
    ///
    /// # Errors
    /// As [`ReadModel::concerts`].
    async fn payments_of(
        &self,
        customer: CustomerId,
        page: &Page,
    ) -> Result<At<Items<Payment>>, Error>;

    /// A customer's points; `None` where there never were any.
    ///
    /// # Errors
    /// As [`ReadModel::concert`].
    async fn account(&self, customer: CustomerId) -> Result<At<Option<Account>>, Error>;

    /// What moved a customer's points, newest first.
    ///
    /// # Errors
    /// As [`ReadModel::concerts`].
    async fn transactions_of(
        &self,
        customer: CustomerId,
        page: &Page,
    ) -> Result<At<Items<Transaction>>, Error>;

    /// Payments' sagas, in one state or in any, oldest first.
    ///
    /// # Errors
    /// As [`ReadModel::concerts`].
    async fn sagas(&self, state: Option<SagaState>, page: &Page) -> Result<At<Items<Saga>>, Error>;
}

/// All rows of one instant. Holds a connection while it lives.
#[async_trait]
pub trait Snapshot: Send + fmt::Debug {
    /// Where the projections stood at that instant.
    fn checkpoints(&self) -> &[Checkpoint];

    /// Rows of `table` behind the key `after`, in key order, at most `limit` of them.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn page(
        &mut self,
        table: Table,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Document>, Error>;
}

/// Who opens the read model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A server: the store is created and migrated where that is needed.
    ReadWrite,
    /// An auditor: nothing is changed, a store that does not exist is an error.
    ReadOnly,
}

/// Opens the adapter that `url` names: `sqlite:PATH`.
///
/// # Errors
/// [`Error::UnknownScheme`]; [`Error::Unavailable`] where the store can't be opened; [`Error::Corrupt`] where a newer
/// program made it.
pub async fn open(url: &str, access: Access) -> Result<Arc<dyn ReadModel>, Error> {
    match url.split_once(':') {
        Some(("sqlite", path)) => Ok(Arc::new(SqliteReadModel::open(path, access).await?)),
        Some(_) | None => Err(Error::UnknownScheme(url.to_owned())),
    }
}
