//! The functions find a store with any one of these faults.

use async_trait::async_trait;

use super::*;
use crate::waiting_room::{Depth, InProcessWaitingRoom, Notice, Place, Swept};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    SecondEntry,
    TokensIgnored,
    CapacityIgnored,
    StockIgnored,
    BatchIgnored,
    LastComeFirstServed,
    SilentKept,
    LooksUnheard,
    PassesForEver,
    NoticeLost,
    RestoredLate,
    PassesForgotten,
    AnothersReleased,
    DrawIgnored,
    LobbyStaysOpen,
    CloseIgnored,
}

const FAULTS: [Fault; 16] = [
    Fault::SecondEntry,
    Fault::TokensIgnored,
    Fault::CapacityIgnored,
    Fault::StockIgnored,
    Fault::BatchIgnored,
    Fault::LastComeFirstServed,
    Fault::SilentKept,
    Fault::LooksUnheard,
    Fault::PassesForEver,
    Fault::NoticeLost,
    Fault::RestoredLate,
    Fault::PassesForgotten,
    Fault::AnothersReleased,
    Fault::DrawIgnored,
    Fault::LobbyStaysOpen,
    Fault::CloseIgnored,
];

#[derive(Debug)]
struct Faulty {
    store: InProcessWaitingRoom,
    fault: Fault,
}

#[async_trait]
impl WaitingRoom for Faulty {
    async fn open(&self, show: ShowId, opening: &Opening) -> Result<(), Error> {
        let mut opening = opening.clone();
        if self.fault == Fault::PassesForgotten {
            opening.active.clear();
        }
        self.store.open(show, &opening).await
    }

    async fn grant(&self, show: ShowId, first: u64, last: u64) -> Result<(), Error> {
        self.store.grant(show, first, last).await
    }

    async fn enter(
        &self,
        show: ShowId,
        customer: CustomerId,
        entry: EntryId,
        now: DateTime<Utc>,
    ) -> Result<Entered, Error> {
        match self.store.enter(show, customer, entry, now).await {
            Ok(Entered::Already(known)) if self.fault == Fault::SecondEntry => {
                let known = [(customer, known.entrant.entry_id)];
                self.store.release(show, &known).await?;
                self.store.enter(show, customer, entry, now).await
            }
            entered => entered,
        }
    }

    async fn restore(
        &self,
        show: ShowId,
        place: &Place,
        now: DateTime<Utc>,
    ) -> Result<Standing, Error> {
        let now = if self.fault == Fault::RestoredLate {
            doors()
        } else {
            now
        };
        self.store.restore(show, place, now).await
    }

    async fn look(
        &self,
        show: ShowId,
        customer: CustomerId,
        now: DateTime<Utc>,
    ) -> Result<Option<Standing>, Error> {
        let now = if self.fault == Fault::LooksUnheard {
            doors()
        } else {
            now
        };
        self.store.look(show, customer, now).await
    }

    async fn release(&self, show: ShowId, entries: &[(CustomerId, EntryId)]) -> Result<u64, Error> {
        let mut entries = entries.to_vec();
        if self.fault == Fault::AnothersReleased {
            for (customer, entry) in &mut entries {
                let known = self.store.look(show, *customer, doors()).await?;
                *entry = known.map_or(*entry, |known| known.entrant.entry_id);
            }
        }
        self.store.release(show, &entries).await
    }

    async fn depth(&self, show: ShowId, now: DateTime<Utc>) -> Result<Depth, Error> {
        self.store.depth(show, now).await
    }

    async fn publish(&self, show: ShowId, notice: Notice) -> Result<(), Error> {
        if self.fault == Fault::NoticeLost {
            return Ok(());
        }
        self.store.publish(show, notice).await
    }

    async fn close_lobby(&self, show: ShowId) -> Result<(), Error> {
        if self.fault == Fault::LobbyStaysOpen {
            return Ok(());
        }
        self.store.close_lobby(show).await
    }

    async fn lobby(&self, show: ShowId, after: u64, limit: usize) -> Result<Vec<Entrant>, Error> {
        self.store.lobby(show, after, limit).await
    }

    async fn draw(&self, show: ShowId, drawn: &[(CustomerId, u64)]) -> Result<(), Error> {
        if self.fault == Fault::DrawIgnored {
            return Ok(());
        }
        self.store.draw(show, drawn).await
    }

    async fn next(
        &self,
        show: ShowId,
        limits: &Limits,
        now: DateTime<Utc>,
    ) -> Result<Vec<Entrant>, Error> {
        let mut limits = *limits;
        match self.fault {
            Fault::TokensIgnored => limits.admit_per_second = 10_000,
            Fault::CapacityIgnored => limits.max_active = u32::MAX,
            Fault::StockIgnored => limits.places = u32::MAX,
            Fault::BatchIgnored => limits.batch = usize::MAX,
            _ => {}
        }
        let mut next = self.store.next(show, &limits, now).await?;
        if self.fault == Fault::LastComeFirstServed {
            next.reverse();
        }
        Ok(next)
    }

    async fn admit(
        &self,
        show: ShowId,
        customers: &[CustomerId],
        admit_per_second: u32,
        expires_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<u64, Error> {
        self.store
            .admit(show, customers, admit_per_second, expires_at, now)
            .await
    }

    async fn sweep(
        &self,
        show: ShowId,
        silent_since: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Swept, Error> {
        let silent_since = silent_since.filter(|_| self.fault != Fault::SilentKept);
        let mut swept = self.store.sweep(show, silent_since, now, limit).await?;
        if self.fault == Fault::PassesForEver {
            swept.expired.clear();
        }
        Ok(swept)
    }

    async fn close(&self, show: ShowId) -> Result<(), Error> {
        if self.fault == Fault::CloseIgnored {
            return Ok(());
        }
        self.store.close(show).await
    }

    async fn ping(&self) -> Result<(), Error> {
        self.store.ping().await
    }
}

fn faulty(fault: Fault) -> Faulty {
    Faulty {
        store: InProcessWaitingRoom::default(),
        fault,
    }
}

#[tokio::test]
async fn each_fault_is_found() {
    assert_eq!(all(&faulty(Fault::None)).await, Ok(()));
    for fault in FAULTS {
        assert!(all(&faulty(fault)).await.is_err(), "{fault:?} is not found");
    }
}
