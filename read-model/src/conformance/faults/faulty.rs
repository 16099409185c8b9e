//! The SQLite adapter with one fault.

use std::sync::Mutex;

use super::super::sample;
use crate::{
    At, Checkpoint, Document, Error, Items, Keys, Page, Parked, ParkedKey, ProjectionId, ReadModel,
    Rows, SagaCounts, SagaFilter, SagaStand, SeatMap, SeatMapToFollow, ShowFilter, Snapshot,
    SqliteReadModel, Table, Version, Versions, Write,
    tables::{
        Account, Concert, Drop, DropEntry, Payment, Reservation, Saga, ShowWithCounts, Transaction,
    },
};
use async_trait::async_trait;
use chrono::TimeDelta;
use domain::{
    ids::{ConcertId, CustomerId, DropEntryId, DropId, PaymentId, ReservationId, ShowId},
    time::Timestamp,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    LosesARow,
    KeepsTheOldRow,
    InventsRows,
    OverwritesMovedCheckpoints,
    RefusesWithoutReason,
    WritesRowsBeforeComparing,
    AnswersTheFurthestPosition,
    AnswersYesterdaysPosition,
    ShowsLaterWritesInSnapshots,
    RepeatsTheLastOfAPage,
    EndsListsEarly,
    ListsBackwards,
    ShowsOthersRows,
    TakesAnyCursor,
    IgnoresTheConcert,
    IncludesTheEnd,
    WritesToTheFirstVersion,
    TakesAnyVersion,
    SwapsNothing,
    SwapsRowsAlone,
    SwapsWhateverIsLive,
    DropsTheLiveVersion,
    DropsNothing,
    LosesAParkedEvent,
    KeepsTheOldReason,
    ListsParkedBackwards,
    TakesUpTwice,
    IgnoresParkedEvents,
    HoldsBackEverything,
    ForgetsLatePlans,
    ForgetsThePlace,
    MixesUpStuckSagas,
    CountsOthersSagas,
}

/// An adapter with one fault.
#[derive(Debug)]
pub(super) struct Faulty {
    inner: SqliteReadModel,
    fault: Option<Fault>,
    refused: Mutex<bool>,
}

impl Faulty {
    pub(super) fn new(inner: SqliteReadModel, fault: Option<Fault>) -> Self {
        let refused = Mutex::default();
        Self {
            inner,
            fault,
            refused,
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    async fn position<T>(&self, mut at: At<T>) -> Result<At<T>, Error> {
        if self.has(Fault::AnswersTheFurthestPosition) {
            let all = self.inner.checkpoints(None).await?;
            at.position = all.iter().map(|c| c.position).max().unwrap_or_default();
        }
        if self.has(Fault::AnswersYesterdaysPosition) {
            at.position = at.position.saturating_sub(1);
        }
        let known = self.inner.versions().await?;
        if self.has(Fault::SwapsRowsAlone) && known.len() > ProjectionId::ALL.len() {
            let first = self.inner.checkpoints(Some(&Versions::default())).await?;
            at.position = Checkpoint::position_of(ProjectionId::Points, &first);
        }
        let parked = self.inner.parked(None).await?;
        if self.has(Fault::IgnoresParkedEvents) && !parked.is_empty() {
            at.position = 100;
        }
        if self.has(Fault::HoldsBackEverything)
            && let Some(first) = parked.iter().map(|parked| parked.position).min()
        {
            at.position = at.position.min(first - 1);
        }
        Ok(at)
    }

    async fn list<T: Clone>(&self, at: At<Items<T>>) -> Result<At<Items<T>>, Error> {
        let mut at = self.position(at).await?;
        if self.has(Fault::RepeatsTheLastOfAPage) && at.value.items.len() > 1 {
            let last = at.value.items.len() - 1;
            at.value.items[last] = at.value.items[last - 1].clone();
        }
        if self.has(Fault::EndsListsEarly) {
            at.value.next_cursor = None;
        }
        if self.has(Fault::ListsBackwards) {
            at.value.items.reverse();
        }
        Ok(at)
    }

    /// What is written in place of `write`.
    async fn changed(&self, write: &Write) -> Result<Write, Error> {
        let mut write = write.clone();
        match self.fault {
            Some(Fault::LosesARow) => {
                write.rows.sagas.pop_last();
            }
            Some(Fault::KeepsTheOldRow) => {
                let keys = Keys {
                    concerts: write.rows.concerts.keys().copied().collect(),
                    ..Keys::default()
                };
                let known = self.inner.load(&write.versions, &keys).await?.concerts;
                write.rows.concerts.retain(|id, _| !known.contains_key(id));
            }
            Some(Fault::OverwritesMovedCheckpoints) => {
                let present = self.inner.checkpoints(None).await?;
                for (old, _) in &mut write.advance {
                    let same = |c: &&Checkpoint| {
                        c.projection == old.projection && c.partition == old.partition
                    };
                    if let Some(stands) = present.iter().find(same) {
                        *old = stands.clone();
                    }
                }
            }
            Some(Fault::RefusesWithoutReason) => {
                let moved = write.advance.first().map(|(old, _)| old.clone());
                let mut refused = self.refused.lock().unwrap();
                if let Some(old) = moved.filter(|old| old.position > 0 && !*refused) {
                    *refused = old.position == 5;
                    return Err(Error::CheckpointMoved {
                        projection: old.projection,
                        partition: old.partition,
                    });
                }
            }
            Some(Fault::WritesRowsBeforeComparing) => {
                let rows = Write {
                    versions: write.versions,
                    rows: write.rows.clone(),
                    ..Write::default()
                };
                self.inner.write(&rows).await?;
            }
            Some(Fault::WritesToTheFirstVersion) => write.versions = Versions::default(),
            Some(Fault::LosesAParkedEvent) => {
                write.park.pop();
            }
            Some(Fault::KeepsTheOldReason) => {
                let known = self.inner.parked(None).await?;
                let same = |a: &Parked, b: &Parked| (&a.key, a.position) == (&b.key, b.position);
                write
                    .park
                    .retain(|new| !known.iter().any(|old| same(old, new)));
            }
            Some(Fault::ForgetsLatePlans) if !write.unpark.is_empty() => {
                let late = Write {
                    unpark: std::mem::take(&mut write.unpark),
                    ..Write::default()
                };
                self.inner.write(&late).await?;
            }
            _ => {}
        }
        Ok(write)
    }

    fn page(&self, page: &Page) -> Page {
        let cursor = page.after().map(str::to_owned);
        let foreign = |cursor: &String| cursor.contains(' ');
        let taken = !self.has(Fault::TakesAnyCursor);
        Page::new(
            Some(page.limit()),
            cursor.filter(|cursor| taken || !foreign(cursor)),
        )
    }

    fn customer(&self, customer: CustomerId) -> CustomerId {
        if self.has(Fault::ShowsOthersRows) {
            return sample::id(2);
        }
        customer
    }
}

#[async_trait]
impl ReadModel for Faulty {
    async fn identity(&self) -> Result<String, Error> {
        self.inner.identity().await
    }

    async fn checkpoints(&self, versions: Option<&Versions>) -> Result<Vec<Checkpoint>, Error> {
        self.inner.checkpoints(versions).await
    }

    async fn versions(&self) -> Result<Vec<Version>, Error> {
        self.inner.versions().await
    }

    async fn begin_version(&self, projection: ProjectionId) -> Result<u32, Error> {
        self.inner.begin_version(projection).await
    }

    async fn swap(
        &self,
        projection: ProjectionId,
        version: u32,
        instead_of: u32,
    ) -> Result<(), Error> {
        let mut instead_of = instead_of;
        if self.has(Fault::SwapsNothing) {
            return Ok(());
        }
        if self.has(Fault::SwapsWhateverIsLive) {
            instead_of = Versions::live(&self.inner.versions().await?).get(projection);
        }
        self.inner.swap(projection, version, instead_of).await
    }

    async fn drop_version(&self, projection: ProjectionId, version: u32) -> Result<(), Error> {
        if self.has(Fault::DropsNothing) && version > 1 {
            return Ok(());
        }
        match self.inner.drop_version(projection, version).await {
            Err(Error::Live { .. }) if self.has(Fault::DropsTheLiveVersion) => Ok(()),
            answer => answer,
        }
    }

    async fn parked(&self, projection: Option<ProjectionId>) -> Result<Vec<Parked>, Error> {
        let mut parked = self.inner.parked(projection).await?;
        if self.has(Fault::ListsParkedBackwards) {
            parked.reverse();
        }
        Ok(parked)
    }

    async fn parked_keys(&self) -> Result<Vec<ParkedKey>, Error> {
        self.inner.parked_keys().await
    }

    async fn write(&self, write: &Write) -> Result<(), Error> {
        let mut write = self.changed(write).await?;
        match self.inner.write(&write).await {
            Err(Error::NoVersion { .. }) if self.has(Fault::TakesAnyVersion) => Ok(()),
            Err(Error::NotParked { .. }) if self.has(Fault::TakesUpTwice) => {
                write.unpark.clear();
                self.inner.write(&write).await
            }
            answer => answer,
        }
    }

    async fn load(&self, versions: &Versions, keys: &Keys) -> Result<Rows, Error> {
        let mut rows = self.inner.load(versions, keys).await?;
        if self.has(Fault::InventsRows) {
            let customer = sample::id(11);
            let account = sample::account(11, 11);
            rows.accounts.entry(customer).or_insert(account);
        }
        Ok(rows)
    }

    async fn snapshot(&self, versions: Option<&Versions>) -> Result<Box<dyn Snapshot>, Error> {
        let snapshot = self.inner.snapshot(versions).await?;
        if !self.has(Fault::ShowsLaterWritesInSnapshots) {
            return Ok(snapshot);
        }
        Ok(Box::new(Drifting {
            versions: *snapshot.versions(),
            checkpoints: snapshot.checkpoints().to_vec(),
            model: self.inner.clone(),
        }))
    }

    async fn concert(&self, id: ConcertId) -> Result<At<Option<Concert>>, Error> {
        self.position(self.inner.concert(id).await?).await
    }

    async fn concerts(&self, page: &Page) -> Result<At<Items<Concert>>, Error> {
        self.list(self.inner.concerts(&self.page(page)).await?)
            .await
    }

    async fn show(&self, id: ShowId) -> Result<At<Option<ShowWithCounts>>, Error> {
        self.position(self.inner.show(id).await?).await
    }

    async fn shows(
        &self,
        filter: &ShowFilter,
        page: &Page,
    ) -> Result<At<Items<ShowWithCounts>>, Error> {
        let mut filter = *filter;
        if self.has(Fault::IgnoresTheConcert) {
            filter.concert_id = None;
        }
        if self.has(Fault::IncludesTheEnd) {
            filter.to = filter.to.map(|to| to + TimeDelta::microseconds(1));
        }
        self.list(self.inner.shows(&filter, &self.page(page)).await?)
            .await
    }

    async fn seat_map(&self, show: ShowId) -> Result<At<Option<SeatMap>>, Error> {
        self.position(self.inner.seat_map(show).await?).await
    }

    async fn seat_map_to_follow(&self, show: ShowId) -> Result<SeatMapToFollow, Error> {
        let mut map = self.inner.seat_map_to_follow(show).await?;
        if self.has(Fault::ForgetsThePlace) {
            map.checkpoints.pop();
        }
        Ok(map)
    }

    async fn reservation(&self, id: ReservationId) -> Result<At<Option<Reservation>>, Error> {
        self.position(self.inner.reservation(id).await?).await
    }

    async fn reservations_of(
        &self,
        customer: CustomerId,
        page: &Page,
    ) -> Result<At<Items<Reservation>>, Error> {
        let (customer, page) = (self.customer(customer), self.page(page));
        self.list(self.inner.reservations_of(customer, &page).await?)
            .await
    }

    async fn payment(&self, id: PaymentId) -> Result<At<Option<Payment>>, Error> {
        self.position(self.inner.payment(id).await?).await
    }

    async fn payments_of(
        &self,
        customer: CustomerId,
        page: &Page,
    ) -> Result<At<Items<Payment>>, Error> {
        let page = self.page(page);
        self.list(self.inner.payments_of(customer, &page).await?)
            .await
    }

    async fn account(&self, customer: CustomerId) -> Result<At<Option<Account>>, Error> {
        self.position(self.inner.account(customer).await?).await
    }

    async fn transactions_of(
        &self,
        customer: CustomerId,
        page: &Page,
    ) -> Result<At<Items<Transaction>>, Error> {
        let page = self.page(page);
        self.list(self.inner.transactions_of(customer, &page).await?)
            .await
    }

    async fn sagas(&self, filter: &SagaFilter, page: &Page) -> Result<At<Items<Saga>>, Error> {
        let (mut filter, page) = (*filter, self.page(page));
        match filter.stand {
            SagaStand::StuckSince(_) if self.has(Fault::MixesUpStuckSagas) => {
                filter.stand = SagaStand::Any;
            }
            SagaStand::Any | SagaStand::In(_) | SagaStand::StuckSince(_) => {}
        }
        self.list(self.inner.sagas(&filter, &page).await?).await
    }

    async fn saga_counts(
        &self,
        show: Option<ShowId>,
        stuck_since: Timestamp,
    ) -> Result<At<SagaCounts>, Error> {
        let show = show.filter(|_| !self.has(Fault::CountsOthersSagas));
        self.position(self.inner.saga_counts(show, stuck_since).await?)
            .await
    }

    async fn fair_drop(&self, id: DropId) -> Result<At<Option<Drop>>, Error> {
        self.position(self.inner.fair_drop(id).await?).await
    }

    async fn drop_entry(&self, id: DropEntryId) -> Result<At<Option<DropEntry>>, Error> {
        self.position(self.inner.drop_entry(id).await?).await
    }

    async fn drop_entries(
        &self,
        drop: DropId,
        from: u32,
        limit: u32,
    ) -> Result<At<Vec<DropEntry>>, Error> {
        self.position(self.inner.drop_entries(drop, from, limit).await?)
            .await
    }
}

/// A snapshot that looks anew for every page.
#[derive(Debug)]
struct Drifting {
    versions: Versions,
    checkpoints: Vec<Checkpoint>,
    model: SqliteReadModel,
}

#[async_trait]
impl Snapshot for Drifting {
    fn versions(&self) -> &Versions {
        &self.versions
    }

    fn checkpoints(&self) -> &[Checkpoint] {
        &self.checkpoints
    }

    async fn page(
        &mut self,
        table: Table,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Document>, Error> {
        let mut fresh = self.model.snapshot(Some(&self.versions)).await?;
        fresh.page(table, after, limit).await
    }
}
