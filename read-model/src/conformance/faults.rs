//! That each conformance function finds the fault it is there for: the SQLite adapter behind a wrapper with just that
//! fault.

use std::sync::Mutex;

use async_trait::async_trait;
use chrono::TimeDelta;
use domain::ids::{ConcertId, CustomerId, PaymentId, ReservationId, ShowId};
use uuid::Uuid;

use crate::{
    Access, At, Checkpoint, Document, Error, Items, Keys, Page, Parked, ProjectionId, ReadModel,
    Rows, SeatMap, SeatMapToFollow, ShowFilter, Snapshot, SqliteReadModel, Table, Version,
    Versions, Write, conformance,
    tables::{
        Account, Concert, Payment, Reservation, Saga, SagaState, ShowWithCounts, Transaction,
    },
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
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
}

/// An adapter with one fault.
#[derive(Debug)]
struct Faulty {
    inner: SqliteReadModel,
    fault: Option<Fault>,
    refused: Mutex<bool>,
}

impl Faulty {
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
            return super::sample::id(2);
        }
        customer
    }
}

#[async_trait]
impl ReadModel for Faulty {
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
        self.inner.swap(projection, version, instead_of).await
    }

    async fn drop_version(&self, projection: ProjectionId, version: u32) -> Result<(), Error> {
        self.inner.drop_version(projection, version).await
    }

    async fn parked(&self, projection: Option<ProjectionId>) -> Result<Vec<Parked>, Error> {
        self.inner.parked(projection).await
    }

    async fn write(&self, write: &Write) -> Result<(), Error> {
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
            _ => {}
        }
        self.inner.write(&write).await
    }

    async fn load(&self, versions: &Versions, keys: &Keys) -> Result<Rows, Error> {
        let mut rows = self.inner.load(versions, keys).await?;
        if self.has(Fault::InventsRows) {
            let customer = super::sample::id(11);
            let account = super::sample::account(11, 11);
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
        self.inner.seat_map_to_follow(show).await
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

    async fn sagas(&self, state: Option<SagaState>, page: &Page) -> Result<At<Items<Saga>>, Error> {
        let page = self.page(page);
        self.list(self.inner.sagas(state, &page).await?).await
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

/// What the conformance functions say about the adapter with `fault`.
async fn verdict(fault: Option<Fault>) -> Result<(), String> {
    let folder = std::env::temp_dir().join(format!("read-model-faults-{}", Uuid::now_v7()));
    std::fs::create_dir(&folder).unwrap();
    let verdict = conformance::all(async || {
        let path = folder.join(Uuid::now_v7().to_string());
        let inner = SqliteReadModel::open(path.to_str().unwrap(), Access::ReadWrite);
        Box::new(Faulty {
            inner: inner.await.unwrap(),
            fault,
            refused: Mutex::default(),
        }) as Box<dyn ReadModel>
    })
    .await;
    std::fs::remove_dir_all(&folder).unwrap();
    verdict
}

#[tokio::test]
async fn the_wrapper_alone_is_no_fault() {
    assert_eq!(verdict(None).await, Ok(()));
}

macro_rules! finds {
    ($($name:ident: $function:ident finds $fault:ident;)*) => {$(
        #[tokio::test]
        async fn $name() {
            let found = verdict(Some(Fault::$fault)).await;
            let fault = found.expect_err("the fault went unnoticed");
            assert!(fault.starts_with(concat!(stringify!($function), ":")), "{fault}");
        }
    )*};
}

finds! {
    lost_rows: rows_come_back_as_written finds LosesARow;
    rows_kept_as_they_were: rows_come_back_as_written finds KeepsTheOldRow;
    invented_rows: rows_come_back_as_written finds InventsRows;
    overwritten_checkpoints: checkpoints_compare_and_set finds OverwritesMovedCheckpoints;
    refusals_without_reason: checkpoints_compare_and_set finds RefusesWithoutReason;
    rows_of_refused_writes: refused_writes_leave_nothing finds WritesRowsBeforeComparing;
    positions_too_far: reads_carry_their_projections_position finds AnswersTheFurthestPosition;
    positions_too_old: reads_carry_their_projections_position finds AnswersYesterdaysPosition;
    drifting_snapshots: snapshots_stand_still finds ShowsLaterWritesInSnapshots;
    repeated_rows: lists_are_walked_in_order finds RepeatsTheLastOfAPage;
    lists_cut_short: lists_are_walked_in_order finds EndsListsEarly;
    lists_in_the_wrong_order: lists_are_walked_in_order finds ListsBackwards;
    rows_of_others: lists_are_walked_in_order finds ShowsOthersRows;
    foreign_cursors: lists_are_walked_in_order finds TakesAnyCursor;
    an_ignored_filter: shows_are_filtered_and_sorted_by_start finds IgnoresTheConcert;
    an_inclusive_end: shows_are_filtered_and_sorted_by_start finds IncludesTheEnd;
}
