//! The read model in one SQLite file.
//!
//! WAL, so that readers never wait for the writer; one writing connection, a bounded number of reading ones.
//! `synchronous=NORMAL` is right here: a loss of power may take the last transactions, but rows and checkpoints go back
//! together, and the projection writes them again from the log.

mod read;
mod snapshot;
mod statements;
#[cfg(test)]
mod tests;
mod versions;
mod write;

use std::{future::ready, time::Duration};

use async_trait::async_trait;
use domain::{
    ids::{ConcertId, CustomerId, DropEntryId, DropId, PaymentId, ReservationId, ShowId},
    time::Timestamp,
};
use serde::Serialize;
use sqlx::{
    ConnectOptions, Database, Sqlite, SqliteConnection, SqlitePool, TransactionManager,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{
    Access, At, Checkpoint, Error, Items, Keys, Page, Parked, ParkedKey, ProjectionId, ReadModel,
    Rows, SagaCounts, SagaFilter, SeatMap, SeatMapToFollow, ShowFilter, Snapshot, Version,
    Versions, Write,
    tables::{
        Account, Concert, Drop, DropEntry, Payment, Reservation, Saga, ShowWithCounts, Transaction,
    },
};

/// Reading connections, a thread each: more than a machine has cores to run them on would only queue elsewhere.
const READERS: u32 = 8;
/// Longest wait for a connection: a reader gives up before its client does.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest wait for another process's lock, for example an auditor's checkpoint of the WAL.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The SQLite adapter. Copies share their connections.
#[derive(Debug, Clone)]
pub struct SqliteReadModel {
    writer: SqlitePool,
    readers: SqlitePool,
    options: SqliteConnectOptions,
}

impl SqliteReadModel {
    /// Opens the store in the file at `path`.
    ///
    /// # Errors
    /// As [`crate::open`].
    pub async fn open(path: &str, access: Access) -> Result<Self, Error> {
        let writable = access == Access::ReadWrite;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(writable)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging();
        let reading = options.clone().pragma("query_only", "ON");
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .before_acquire(|connection, _| Box::pin(ready(Ok(is_idle(connection)))))
            .connect_with(if writable { options } else { reading.clone() })
            .await
            .map_err(failed)?;
        migrate(&writer, access).await?;
        if writable {
            versions::begin_first(&writer).await?;
        }
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(reading.clone());
        Ok(Self {
            writer,
            readers,
            options: reading,
        })
    }
}

/// Whether the connection has ended its last transaction. SQLite rolls back by itself on a full disk; sqlx then fails to, and goes
/// on counting that transaction: such a connection would refuse every other one.
fn is_idle(connection: &SqliteConnection) -> bool {
    <Sqlite as Database>::TransactionManager::get_transaction_depth(connection) == 0
}

fn migrations() -> Migrator {
    sqlx::migrate!("migrations/sqlite")
}

/// Brings the schema up to date, or only checks that it is.
async fn migrate(writer: &SqlitePool, access: Access) -> Result<(), Error> {
    match access {
        Access::ReadWrite => migrations().run(writer).await.map_err(|e| match e {
            MigrateError::VersionMissing(version) => newer(version),
            other => Error::Unavailable(other.to_string()),
        }),
        Access::ReadOnly => {
            let present: i64 = sqlx::query_scalar(statements::SELECT_SCHEMA_VERSION)
                .fetch_one(writer)
                .await
                .map_err(failed)?;
            let known = migrations().iter().map(|m| m.version).max();
            match known {
                Some(known) if present > known => Err(newer(present)),
                Some(known) if present < known => Err(Error::Unavailable(format!(
                    "its schema is {present}, this program reads {known}: start the server once to bring it up to date"
                ))),
                Some(_) | None => Ok(()),
            }
        }
    }
}

fn newer(version: i64) -> Error {
    Error::Corrupt(format!(
        "its schema {version} was made by a newer program than this one"
    ))
}

/// What the store answered, as the port says it.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: sqlx::Error) -> Error {
    match &error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            Error::Corrupt(error.to_string())
        }
        _ => Error::Unavailable(error.to_string()),
    }
}

fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|e| Error::Corrupt(e.to_string()))
}

#[async_trait]
impl ReadModel for SqliteReadModel {
    async fn identity(&self) -> Result<String, Error> {
        let id = sqlx::query_scalar(statements::SELECT_STORE);
        id.fetch_one(&self.readers).await.map_err(failed)
    }

    async fn checkpoints(&self, versions: Option<&Versions>) -> Result<Vec<Checkpoint>, Error> {
        read::checkpoints(&self.readers, versions).await
    }

    async fn versions(&self) -> Result<Vec<Version>, Error> {
        versions::versions(&self.readers).await
    }

    async fn begin_version(&self, projection: ProjectionId) -> Result<u32, Error> {
        versions::begin(&self.writer, projection).await
    }

    async fn swap(
        &self,
        projection: ProjectionId,
        version: u32,
        instead_of: u32,
    ) -> Result<(), Error> {
        versions::swap(&self.writer, projection, version, instead_of).await
    }

    async fn drop_version(&self, projection: ProjectionId, version: u32) -> Result<(), Error> {
        versions::drop_version(&self.writer, projection, version).await
    }

    async fn parked(&self, projection: Option<ProjectionId>) -> Result<Vec<Parked>, Error> {
        versions::parked(&self.readers, projection).await
    }

    async fn parked_keys(&self) -> Result<Vec<ParkedKey>, Error> {
        versions::parked_keys(&self.readers).await
    }

    async fn write(&self, write: &Write) -> Result<(), Error> {
        write::write(&self.writer, write).await
    }

    async fn load(&self, versions: &Versions, keys: &Keys) -> Result<Rows, Error> {
        write::load(&self.readers, versions, keys).await
    }

    async fn snapshot(&self, versions: Option<&Versions>) -> Result<Box<dyn Snapshot>, Error> {
        let snapshot = snapshot::SqliteSnapshot::open(&self.options, versions);
        Ok(Box::new(snapshot.await?))
    }

    async fn concert(&self, id: ConcertId) -> Result<At<Option<Concert>>, Error> {
        read::concert(&self.readers, id).await
    }

    async fn concerts(&self, page: &Page) -> Result<At<Items<Concert>>, Error> {
        read::concerts(&self.readers, page).await
    }

    async fn show(&self, id: ShowId) -> Result<At<Option<ShowWithCounts>>, Error> {
        read::show(&self.readers, id).await
    }

    async fn shows(
        &self,
        filter: &ShowFilter,
        page: &Page,
    ) -> Result<At<Items<ShowWithCounts>>, Error> {
        read::shows(&self.readers, filter, page).await
    }

    async fn seat_map(&self, show: ShowId) -> Result<At<Option<SeatMap>>, Error> {
        read::seat_map(&self.readers, show).await
    }

    async fn seat_map_to_follow(&self, show: ShowId) -> Result<SeatMapToFollow, Error> {
        read::seat_map_to_follow(&self.readers, show).await
    }

    async fn reservation(&self, id: ReservationId) -> Result<At<Option<Reservation>>, Error> {
        read::reservation(&self.readers, id).await
    }

    async fn reservations_of(
        &self,
        customer: CustomerId,
        page: &Page,
    ) -> Result<At<Items<Reservation>>, Error> {
        read::reservations_of(&self.readers, customer, page).await
    }

    async fn payment(&self, id: PaymentId) -> Result<At<Option<Payment>>, Error> {
        read::payment(&self.readers, id).await
    }

    async fn payments_of(
        &self,
        customer: CustomerId,
        page: &Page,
    ) -> Result<At<Items<Payment>>, Error> {
        read::payments_of(&self.readers, customer, page).await
    }

    async fn account(&self, customer: CustomerId) -> Result<At<Option<Account>>, Error> {
        read::account(&self.readers, customer).await
    }

    async fn transactions_of(
        &self,
        customer: CustomerId,
        page: &Page,
    ) -> Result<At<Items<Transaction>>, Error> {
        read::transactions_of(&self.readers, customer, page).await
    }

    async fn sagas(&self, filter: &SagaFilter, page: &Page) -> Result<At<Items<Saga>>, Error> {
        read::sagas(&self.readers, filter, page).await
    }

    async fn saga_counts(
        &self,
        show: Option<ShowId>,
        stuck_since: Timestamp,
    ) -> Result<At<SagaCounts>, Error> {
        read::saga_counts(&self.readers, show, stuck_since).await
    }

    async fn fair_drop(&self, id: DropId) -> Result<At<Option<Drop>>, Error> {
        read::drop(&self.readers, id).await
    }

    async fn drop_entry(&self, id: DropEntryId) -> Result<At<Option<DropEntry>>, Error> {
        read::drop_entry(&self.readers, id).await
    }

    async fn drop_entries(
        &self,
        drop: DropId,
        from: u32,
        limit: u32,
    ) -> Result<At<Vec<DropEntry>>, Error> {
        read::drop_entries(&self.readers, drop, from, limit).await
    }
}
