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
//! - **Versions.** Rows and checkpoints belong to a version of their projection. Readers see the live one alone, and its
//!   checkpoints; [`ReadModel::swap`] makes another one live, for rows and positions at once. What is written to one version is in no
//!   other. A version that was dropped takes no writes.
//! - **Parked keys.** Events that can't be projected are kept in the order of the log, by routing key; they come and go in one
//!   transaction with rows and checkpoints. A read that such an event may concern answers with a position before the first of them: a
//!   row by its key is held back by its own routing key, a list over several keys by all of them. Other reads are not held back.
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
mod filters;
pub mod metrics;
mod page;
mod parked;
mod postgres;
mod reading;
mod replicated;
mod rows;
pub mod seat_map;
mod sqlite;
pub mod tables;
mod version;
mod writing;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use domain::{
    ids::{ConcertId, CustomerId, DropEntryId, DropId, PaymentId, ReservationId, ShowId},
    time::Timestamp,
};

use crate::tables::{
    Account, Concert, Drop, DropEntry, Payment, Reservation, Saga, ShowWithCounts, Transaction,
};
pub use crate::{
    checkpoint::{Checkpoint, ProjectionId},
    filters::{MAX_COUNTED, SagaCounts, SagaFilter, SagaStand, ShowFilter},
    page::{DEFAULT_LIMIT, Items, MAX_LIMIT, Page},
    parked::{Parked, ParkedKey},
    postgres::PostgresReadModel,
    replicated::{MAX_LAG, Replicated, ServerRole, ServerState, replicated},
    rows::{Document, Keys, Rows, Table},
    seat_map::SeatMap,
    sqlite::SqliteReadModel,
    version::{Version, VersionState, Versions},
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
    /// A version is named that is not there, or not any more: read the versions again.
    #[error("there is no version {version} of {projection}")]
    NoVersion {
        /// Name of the projection.
        projection: String,
        /// The version.
        version: u32,
    },
    /// A swap names a version that is not live, or not any more: nothing was swapped.
    #[error("version {version} of {projection} is not the live one")]
    NotLive {
        /// Name of the projection.
        projection: String,
        /// The version.
        version: u32,
    },
    /// The live version can't be dropped.
    #[error("version {version} of {projection} is live and can't be dropped")]
    Live {
        /// Name of the projection.
        projection: String,
        /// The version.
        version: u32,
    },
    /// An event is to be taken up that is not parked, or not any more: somebody else dealt with it.
    #[error("the event at position {position} is not parked for key {key} of {projection}")]
    NotParked {
        /// Name of the projection.
        projection: String,
        /// The routing key.
        key: String,
        /// The event's place in the log.
        position: u64,
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
    #[error("unknown read model `{0}`; known: sqlite:PATH, postgres://HOST/DATABASE")]
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
    /// Which version of each projection the rows, and the events that are no longer parked, belong to.
    pub versions: Versions,
    /// The rows, whole.
    pub rows: Rows,
    /// Checkpoints, from where they must stand to where they shall stand. A checkpoint that does not exist yet stands at
    /// position 0 of epoch 0.
    pub advance: Vec<(Checkpoint, Checkpoint)>,
    /// Events that are parked from now on; one that is parked already gets the new reason.
    pub park: Vec<Parked>,
    /// Events that are parked no longer, each by projection, routing key and position: their rows are among `rows`, or
    /// they are skipped.
    pub unpark: Vec<(ProjectionId, String, u64)>,
}

/// A seat map, for who follows it over the bus.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SeatMapToFollow {
    /// The map, where there is one. It shows all events of its partition up to that partition's checkpoint.
    pub map: Option<SeatMap>,
    /// The checkpoints of the seat maps, one for each partition.
    pub checkpoints: Vec<Checkpoint>,
    /// The first of the map's events that are parked: the map shows those before it alone.
    pub parked_from: Option<u64>,
}

/// The port. See the crate's documentation for the contract.
#[async_trait]
pub trait ReadModel: Send + Sync + fmt::Debug {
    /// What tells this store from every other, however it is reached and whichever of its servers takes writes: those who project into it
    /// share partitions among themselves alone.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn identity(&self) -> Result<String, Error>;

    /// The checkpoints of `versions`, as the writer's own store has them; without `versions` those of the live ones, as readers
    /// see them.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn checkpoints(&self, versions: Option<&Versions>) -> Result<Vec<Checkpoint>, Error>;

    /// The versions of all projections, by projection and number, as the writer's own store has them.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn versions(&self) -> Result<Vec<Version>, Error>;

    /// Begins a version of `projection` without rows and checkpoints, for the present fold; its number.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn begin_version(&self, projection: ProjectionId) -> Result<u32, Error>;

    /// Makes `version` the live one instead of `instead_of`, which is retired.
    ///
    /// # Errors
    /// [`Error::NotLive`] where `instead_of` is not live; [`Error::NoVersion`] where there is no `version` beside it;
    /// [`Error::Unavailable`].
    async fn swap(
        &self,
        projection: ProjectionId,
        version: u32,
        instead_of: u32,
    ) -> Result<(), Error>;

    /// Removes a version with its rows, checkpoints and parked events.
    ///
    /// # Errors
    /// [`Error::Live`] where it is live; [`Error::NoVersion`]; [`Error::Unavailable`].
    async fn drop_version(&self, projection: ProjectionId, version: u32) -> Result<(), Error>;

    /// The events that are parked in any version of `projection`, or of all of them: by projection, version, key and
    /// position; as the writer's own store has them.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    async fn parked(&self, projection: Option<ProjectionId>) -> Result<Vec<Parked>, Error>;

    /// The routing keys of which events are parked, in any version, by projection, version and key; as the writer's own store has them.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    async fn parked_keys(&self) -> Result<Vec<ParkedKey>, Error>;

    /// Stores rows, moves checkpoints, parks and takes up events, all or nothing.
    ///
    /// # Errors
    /// [`Error::CheckpointMoved`] where a checkpoint does not stand where the write says; [`Error::NotParked`];
    /// [`Error::NoVersion`]; [`Error::Unavailable`].
    async fn write(&self, write: &Write) -> Result<(), Error>;

    /// The rows of `versions` under `keys` that exist, for a fold to go on from; as the writer's own store has them.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    async fn load(&self, versions: &Versions, keys: &Keys) -> Result<Rows, Error>;

    /// Opens all rows of `versions`, without these of the live ones, of this instant for reading in key order.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn snapshot(&self, versions: Option<&Versions>) -> Result<Box<dyn Snapshot>, Error>;

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

    /// The seat map of one show and the place from which it is to be followed over the bus, of one snapshot.
    ///
    /// # Errors
    /// As [`ReadModel::concert`].
    async fn seat_map_to_follow(&self, show: ShowId) -> Result<SeatMapToFollow, Error>;

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

    /// Payments' sagas, oldest first.
    ///
    /// # Errors
    /// As [`ReadModel::concerts`].
    async fn sagas(&self, filter: &SagaFilter, page: &Page) -> Result<At<Items<Saga>>, Error>;

    /// How many sagas there are, of `show` or of all shows, and how many of them are stuck since an instant.
    ///
    /// # Errors
    /// As [`ReadModel::concert`].
    async fn saga_counts(
        &self,
        show: Option<ShowId>,
        stuck_since: Timestamp,
    ) -> Result<At<SagaCounts>, Error>;

    /// One drop.
    ///
    /// # Errors
    /// As [`ReadModel::concert`].
    async fn fair_drop(&self, id: DropId) -> Result<At<Option<Drop>>, Error>;

    /// One entry of a drop.
    ///
    /// # Errors
    /// As [`ReadModel::concert`].
    async fn drop_entry(&self, id: DropEntryId) -> Result<At<Option<DropEntry>>, Error>;

    /// A drop's entries in the order of the list, from the place `from` on, at most `limit` of them.
    ///
    /// # Errors
    /// As [`ReadModel::concert`].
    async fn drop_entries(
        &self,
        drop: DropId,
        from: u32,
        limit: u32,
    ) -> Result<At<Vec<DropEntry>>, Error>;
}

/// All rows of one instant. Holds a connection while it lives.
#[async_trait]
pub trait Snapshot: Send + fmt::Debug {
    /// Whose rows these are.
    fn versions(&self) -> &Versions;

    /// Where these versions stood at that instant.
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

/// Opens the adapter that `url` names: `sqlite:PATH` or `postgres://HOST/DATABASE`. Of several servers, separated by commas, the one that
/// takes writes on the newest timeline is written to; see [`replicated`].
///
/// # Errors
/// [`Error::UnknownScheme`]; [`Error::Unavailable`] where the store can't be opened; [`Error::Corrupt`] where a newer
/// program made it.
pub async fn open(url: &str, access: Access) -> Result<Arc<dyn ReadModel>, Error> {
    match url.split_once(':') {
        Some(("sqlite", path)) => Ok(Arc::new(SqliteReadModel::open(path, access).await?)),
        Some(("postgres" | "postgresql", _)) if url.contains(',') => {
            Ok(replicated(url, &[], access).await?)
        }
        Some(("postgres" | "postgresql", _)) => {
            Ok(Arc::new(PostgresReadModel::open(url, access).await?))
        }
        Some(_) | None => Err(Error::UnknownScheme(url.to_owned())),
    }
}
