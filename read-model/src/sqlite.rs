//! The read model in one SQLite file.

use async_trait::async_trait;
use domain::ids::{ConcertId, CustomerId, PaymentId, ReservationId, ShowId};

use crate::{
    Access, At, Checkpoint, Error, Items, Keys, Page, ReadModel, Rows, SeatMap, ShowFilter,
    Snapshot, Write,
    tables::{
        Account, Concert, Payment, Reservation, Saga, SagaState, ShowWithCounts, Transaction,
    },
};

/// The SQLite adapter.
#[derive(Debug)]
pub struct SqliteReadModel {}

impl SqliteReadModel {
    /// Opens the store at `path`.
    ///
    /// # Errors
    /// As [`crate::open`].
    #[expect(clippy::unused_async, reason = "stub")]
    pub async fn open(_path: &str, _access: Access) -> Result<Self, Error> {
        todo!()
    }
}

#[async_trait]
impl ReadModel for SqliteReadModel {
    async fn checkpoints(&self) -> Result<Vec<Checkpoint>, Error> {
        todo!()
    }
    async fn write(&self, _write: &Write) -> Result<(), Error> {
        todo!()
    }
    async fn load(&self, _keys: &Keys) -> Result<Rows, Error> {
        todo!()
    }
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error> {
        todo!()
    }
    async fn concert(&self, _id: ConcertId) -> Result<At<Option<Concert>>, Error> {
        todo!()
    }
    async fn concerts(&self, _page: &Page) -> Result<At<Items<Concert>>, Error> {
        todo!()
    }
    async fn show(&self, _id: ShowId) -> Result<At<Option<ShowWithCounts>>, Error> {
        todo!()
    }
    async fn shows(
        &self,
        _filter: &ShowFilter,
        _page: &Page,
    ) -> Result<At<Items<ShowWithCounts>>, Error> {
        todo!()
    }
    async fn seat_map(&self, _show: ShowId) -> Result<At<Option<SeatMap>>, Error> {
        todo!()
    }
    async fn reservation(&self, _id: ReservationId) -> Result<At<Option<Reservation>>, Error> {
        todo!()
    }
    async fn reservations_of(
        &self,
        _customer: CustomerId,
        _page: &Page,
    ) -> Result<At<Items<Reservation>>, Error> {
        todo!()
    }
    async fn payment(&self, _id: PaymentId) -> Result<At<Option<Payment>>, Error> {
        todo!()
    }
    async fn payments_of(
        &self,
        _customer: CustomerId,
        _page: &Page,
    ) -> Result<At<Items<Payment>>, Error> {
        todo!()
    }
    async fn account(&self, _customer: CustomerId) -> Result<At<Option<Account>>, Error> {
        todo!()
    }
    async fn transactions_of(
        &self,
        _customer: CustomerId,
        _page: &Page,
    ) -> Result<At<Items<Transaction>>, Error> {
        todo!()
    }
    async fn sagas(
        &self,
        _state: Option<SagaState>,
        _page: &Page,
    ) -> Result<At<Items<Saga>>, Error> {
        todo!()
    }
}
