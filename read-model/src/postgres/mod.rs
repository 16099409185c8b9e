//! The read model on one Postgres server.
//!
//! A write is one statement, a call of `write_rows`, and so one round trip and one transaction. A read is one statement, too: live
//! version, checkpoints, parked events and rows are of one snapshot, on a replica as well, which replays them together.

mod connect;
mod read;
mod snapshot;
pub(crate) mod statements;
#[cfg(test)]
mod tests;
mod versions;
mod write;

use async_trait::async_trait;
use domain::{
    ids::{ConcertId, CustomerId, DropEntryId, DropId, PaymentId, ReservationId, ShowId},
    time::Timestamp,
};
use sqlx::{PgPool, postgres::PgConnectOptions};

use crate::{
    Access, At, Checkpoint, Error, Items, Keys, Page, Parked, ParkedKey, ProjectionId, ReadModel,
    Rows, SagaCounts, SagaFilter, SeatMap, SeatMapToFollow, ShowFilter, Snapshot, Version,
    Versions, Write,
    tables::{
        Account, Concert, Drop, DropEntry, Payment, Reservation, Saga, ShowWithCounts, Transaction,
    },
};

/// The Postgres adapter. Copies share their connections.
#[derive(Debug, Clone)]
pub struct PostgresReadModel {
    writer: PgPool,
    readers: PgPool,
    options: PgConnectOptions,
    access: Access,
}

impl PostgresReadModel {
    /// Opens the store on the server at `url`.
    ///
    /// # Errors
    /// As [`crate::open`].
    pub async fn open(url: &str, access: Access) -> Result<Self, Error> {
        let model = Self::new(url, access)?;
        model.prepare().await?;
        Ok(model)
    }

    /// The store on the server at `url`, which is not asked yet.
    pub(crate) fn new(url: &str, access: Access) -> Result<Self, Error> {
        let options = connect::parse(url)?;
        let (writer, readers) = connect::pools(&options, access);
        Ok(Self {
            writer,
            readers,
            options,
            access,
        })
    }

    /// Brings the schema up to date, or only checks that it is.
    pub(crate) async fn prepare(&self) -> Result<(), Error> {
        connect::migrate(&self.options, self.access).await?;
        if self.access == Access::ReadWrite {
            versions::begin_first(&self.writer).await?;
        }
        Ok(())
    }

    /// The server's host and port.
    pub(crate) fn server(&self) -> String {
        format!("{}:{}", self.options.get_host(), self.options.get_port())
    }

    /// A connection of one's own, for reading.
    pub(crate) async fn connect(&self) -> Result<sqlx::PgConnection, Error> {
        connect::connect(&self.options).await
    }
}

/// What the server answered, as the port says it.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn failed(error: sqlx::Error) -> Error {
    match &error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            Error::Corrupt(error.to_string())
        }
        _ => Error::Unavailable(error.to_string()),
    }
}

/// A number as Postgres keeps it, which has none without a sign.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// As [`signed`].
fn short(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// A number that can't be negative, as Postgres kept it.
fn counted(number: i32) -> Result<u32, Error> {
    u32::try_from(number).map_err(|_| Error::Corrupt(format!("a number of {number}")))
}

#[async_trait]
impl ReadModel for PostgresReadModel {
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
        let snapshot = snapshot::PostgresSnapshot::open(&self.options, versions);
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
