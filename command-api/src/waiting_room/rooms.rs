//! The waiting rooms with the log behind them: what the store does not know is opened, numbers are fetched, receipts are taken back.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex as StdMutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use chrono::{DateTime, Utc};
use domain::{
    ids::{CustomerId, EntryId, OrganizerId, ShowId},
    show::{self, Show},
    time::Timestamp,
    waiting_room::{self as domain_room, BLOCK, Command, Entrant, Pass, Reason, Settings},
};
use event_store::{
    Position,
    commands::Fingerprint,
    executor::{self, Request},
    log,
};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{
    Entered, Error as StoreError, Opening, Order, Place, RECOVERY, Receipt, Standing, WaitingRoom,
    commitment, drawn_order, seed_name,
};
use crate::{
    commands::Origin,
    key_store::{self, KeyStore},
    state::Core,
};

/// How often an entry is tried while rooms are opened and numbers fetched: each try fails for a reason of its own.
const TRIES: usize = 5;

/// Why a waiting room did not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The show has none.
    #[error("the show has no waiting room")]
    None,
    /// The sale is over.
    #[error("the waiting room is closed")]
    Closed,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The room's stream.
    #[error(transparent)]
    Room(#[from] executor::Error<domain_room::Error>),
    /// The show's stream.
    #[error(transparent)]
    Show(#[from] executor::Error<show::Error>),
    /// The log.
    #[error(transparent)]
    Log(#[from] log::Error),
    /// The key store.
    #[error(transparent)]
    Keys(#[from] key_store::Error),
}

/// All waiting rooms. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Rooms {
    core: Core,
    keys: Arc<dyn KeyStore>,
    store: Arc<dyn WaitingRoom>,
    /// Held by who opens a room: the others find it done.
    opening: Arc<Mutex<()>>,
    blocks: Arc<StdMutex<HashMap<ShowId, Arc<Blocks>>>>,
}

/// What this process knows of a show's blocks of numbers.
#[derive(Debug, Default)]
struct Blocks {
    /// How often it has given the store one: a crowd that finds no numbers waits for one fetch, not for one each.
    fetched: AtomicU64,
    /// Held while numbers are fetched. The last number of a block that is set aside and not given to the store yet, so that the log holds
    /// nobody up when the store runs out. Another process may have given it since: then the store refuses it, and at worst the numbers
    /// stay unused.
    spare: Mutex<Option<u64>>,
}

/// What a show says of its room.
struct Scheduled {
    organizer_id: OrganizerId,
    opens_at: Timestamp,
    settings: Settings,
}

impl Rooms {
    /// Over `store`.
    pub fn new(core: Core, keys: Arc<dyn KeyStore>, store: Arc<dyn WaitingRoom>) -> Self {
        Self {
            core,
            keys,
            store,
            opening: Arc::default(),
            blocks: Arc::default(),
        }
    }

    /// The store.
    pub fn store(&self) -> &dyn WaitingRoom {
        &*self.store
    }

    /// The present.
    pub fn now(&self) -> DateTime<Utc> {
        self.core.clock.now()
    }

    /// Looks at the room's stream.
    ///
    /// # Errors
    /// The executor's.
    pub async fn read<R: Send + 'static>(
        &self,
        show: ShowId,
        look: impl FnOnce(&domain_room::WaitingRoom) -> R + Send + 'static,
    ) -> Result<R, Error> {
        let rooms = &self.core.executors.waiting_rooms;
        let look = move |room: &domain_room::WaitingRoom, _, _| look(room);
        Ok(rooms.read(&show.to_string(), look).await?)
    }

    /// Records something on the room's stream; where its events end.
    ///
    /// # Errors
    /// The executor's.
    pub async fn record(&self, show: ShowId, command: Command) -> Result<Position, Error> {
        let request = Request {
            command_id: Uuid::now_v7(),
            fingerprint: Fingerprint::default(),
            command,
            metadata: Origin::manager("waiting_room", show.0).metadata(),
            claims: Vec::new(),
            deadline: None,
        };
        let rooms = &self.core.executors.waiting_rooms;
        Ok(rooms.execute(&show.to_string(), request).await?.position)
    }

    /// Puts up the room of a show that has one, and makes its seed's commitment known. Doing so again changes nothing.
    ///
    /// # Errors
    /// [`Error::None`] for a show without; the executor's and the key store's.
    pub async fn put_up(&self, show: ShowId) -> Result<Position, Error> {
        let look = |show: &Show, _, _| {
            Some(Scheduled {
                organizer_id: show.organizer_id()?,
                opens_at: show.on_sale_at()?,
                settings: show.waiting_room()?,
            })
        };
        let shows = &self.core.executors.shows;
        let scheduled = shows.read(&show.to_string(), look).await?;
        let scheduled = scheduled.ok_or(Error::None)?;
        let seed = self.keys.create_secret(&seed_name(show)).await?;
        let open = Command::Open {
            organizer_id: scheduled.organizer_id,
            opens_at: scheduled.opens_at,
            settings: scheduled.settings,
            commitment: commitment(&seed),
        };
        self.record(show, open).await
    }

    /// A place for a customer: a new one, the one there is, or the one that a receipt tells of and the store lost.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn enter(
        &self,
        show: ShowId,
        customer: CustomerId,
        receipt: Option<&Receipt>,
    ) -> Result<Entered, Error> {
        let entry = EntryId(Uuid::now_v7());
        for _ in 0..TRIES {
            let now = self.now();
            if let Some(receipt) = receipt
                && let Some(standing) = self.look(show, customer, Some(receipt)).await?
                && standing.entrant.entry_id == receipt.entrant().entry_id
            {
                return Ok(Entered::Already(standing));
            }
            match self.store.enter(show, customer, entry, now).await {
                Ok(entered) => return Ok(entered),
                Err(StoreError::NotOpen) => self.open(show).await?,
                Err(StoreError::NoNumbers { last }) => self.fetch_numbers(show, last).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Store(StoreError::Unavailable(
            "the room does not stay open".to_owned(),
        )))
    }

    /// How a customer's entry stands; with its receipt, also where the store lost it. `None`: there is none, or the receipt came too late.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn look(
        &self,
        show: ShowId,
        customer: CustomerId,
        receipt: Option<&Receipt>,
    ) -> Result<Option<Standing>, Error> {
        let now = self.now();
        match (self.store.look(show, customer, now).await, receipt) {
            (Ok(Some(standing)), _) => Ok(Some(standing)),
            (Ok(None) | Err(StoreError::NotOpen), None) => Ok(None),
            (Ok(None), Some(receipt)) => self.restore(show, receipt, now).await,
            (Err(StoreError::NotOpen), Some(receipt)) => {
                self.open(show).await?;
                // What the log knows of is in the room by now, too.
                match self.store.look(show, customer, now).await? {
                    Some(standing) => Ok(Some(standing)),
                    None => self.restore(show, receipt, now).await,
                }
            }
            (Err(error), _) => Err(error.into()),
        }
    }

    /// Takes a receipt back, unless its turn has come before: who was let in then has had a pass.
    async fn restore(
        &self,
        show: ShowId,
        receipt: &Receipt,
        now: DateTime<Utc>,
    ) -> Result<Option<Standing>, Error> {
        let (place, awaits_draw) = (receipt.place(), receipt.awaits_draw());
        let look = move |room: &domain_room::WaitingRoom| {
            let order = order_of(room, &place);
            let served = room.last_admitted.map(|last| {
                let early = room
                    .draw
                    .as_ref()
                    .is_some_and(|draw| last.number <= draw.last_number);
                let place = Place {
                    entrant: last,
                    order: Order::of(last.number),
                    early,
                };
                order_of(room, &place)
            });
            let mut place = Place { order, ..place };
            if let Some(draw) = room.draw.as_ref().filter(|_| awaits_draw) {
                // The number that it drew is not known here: one that agrees with its place.
                place.entrant.number = order.number().clamp(1, draw.last_number);
            }
            (served.is_none_or(|served| order > served)).then_some(place)
        };
        let Some(place) = self.read(show, look).await? else {
            return Ok(None);
        };
        match self.store.restore(show, &place, now).await {
            Ok(standing) => Ok(Some(standing)),
            Err(StoreError::TooLate) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a room that the store does not know, with a block of numbers of its own; one that it knows stays as it is.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn open(&self, show: ShowId) -> Result<(), Error> {
        let now = self.now();
        let _opening = self.opening.lock().await;
        match self.store.depth(show, now).await {
            Err(StoreError::NotOpen) => {}
            other => return Ok(other.map(|_| ())?),
        }
        if self.read(show, |room| room.flow.is_none()).await? {
            self.put_up(show).await?;
        }
        let reserved = self.read(show, |room| room.reserved).await?;
        let reason = if reserved == 0 {
            Reason::UsedUp
        } else {
            Reason::StoreLost
        };
        let last = self.reserve(show, reserved, reason).await?;
        let look = move |room: &domain_room::WaitingRoom| {
            let flow = room.flow.as_ref()?;
            let live = room.passes.iter().filter(|(_, pass)| pass.expires_at > now);
            let known = |(entry_id, pass): (&EntryId, &Pass)| {
                let entrant = Entrant {
                    number: pass.number,
                    entry_id: *entry_id,
                    customer_id: pass.customer_id,
                };
                (entrant, pass.expires_at)
            };
            Some(Opening {
                first: last - BLOCK + 1,
                last,
                opens_at: flow.opens_at,
                lobby_open: room.draw.is_none(),
                recovers_until: (reserved > 0).then_some(now + RECOVERY),
                active: live.map(known).collect(),
            })
        };
        let opening = self.read(show, look).await?.ok_or(Error::None)?;
        if reserved > 0 {
            tracing::warn!(show.id = %show, "the waiting room is opened again without its data: receipts are taken back");
        }
        Ok(self.store.open(show, &opening).await?)
    }

    /// Gives the store a block behind `after`, unless that was done while this call waited; then sets the next one aside.
    async fn fetch_numbers(&self, show: ShowId, after: u64) -> Result<(), Error> {
        let blocks = {
            let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
            blocks.entry(show).or_default().clone()
        };
        let fetched = blocks.fetched.load(Ordering::Acquire);
        let mut spare = blocks.spare.lock().await;
        if blocks.fetched.load(Ordering::Acquire) != fetched {
            return Ok(());
        }
        let last = match spare.take().filter(|last| *last > after) {
            Some(last) => last,
            None => self.reserve(show, after, Reason::UsedUp).await?,
        };
        self.store.grant(show, last - BLOCK + 1, last).await?;
        blocks.fetched.fetch_add(1, Ordering::AcqRel);
        drop(spare);
        // Those who waited come first: of a whole block, this call alone waits for the log.
        let mut spare = blocks.spare.lock().await;
        if spare.is_none() {
            // Where it fails, whoever finds the store without numbers next tries again, and says why.
            *spare = self.reserve(show, last, Reason::UsedUp).await.ok();
        }
        Ok(())
    }

    /// Sets a block behind `after` aside, unless another has; the last number set aside.
    async fn reserve(&self, show: ShowId, after: u64, reason: Reason) -> Result<u64, Error> {
        match self.record(show, Command::Reserve { after, reason }).await {
            Ok(_) => self.read(show, |room| room.reserved).await,
            Err(Error::Room(executor::Error::Refused {
                error: domain_room::Error::Closed,
                ..
            })) => Err(Error::Closed),
            Err(error) => Err(error),
        }
    }
}

/// Where a place stands: one of the lobby, once that is drawn, by its lot.
fn order_of(room: &domain_room::WaitingRoom, place: &Place) -> Order {
    match &room.draw {
        Some(draw) if place.early => drawn_order(draw, place.entrant.entry_id),
        Some(_) | None => place.order,
    }
}
