//! PORT: the waiting room. Keeps, for each show that has one, who waits and who is ahead of whom; who was let in and has not bought yet.
//!
//! ```text
//!            before the doors                     drawn
//!  enter ──▶ lobby: a number, no place yet ──▶ ┌────────────────────────────┐  next, admit   ┌────────┐
//!            after the doors                    │ queue: by order, strictly  │ ─────────────▶ │ active │ ─▶ released: bought, left
//!  enter ─────────────────────────────────────▶ └────────────────────────────┘                └────────┘ ─▶ ran out: swept
//!                                   left, or silent for too long: swept
//! ```
//!
//! The contract, which [`conformance`] checks on every adapter:
//!
//! - **One entry.** A customer is in a show's room once; who enters again is told of the entry there is.
//! - **Numbers** come from blocks that the log has set aside: none is given out twice, and later entries have higher ones.
//! - **Order.** Who waits is let in by rising order, without exception. What [`WaitingRoom::look`] answers as `ahead` never grows, but while
//!   the room recovers.
//! - **Admission** is bounded by the least of: tokens, which gather at the rate asked for, for a second at most; places for further
//!   customers inside; what there is to sell, less what those inside may still take.
//! - **Nobody is let in** while the lobby is not drawn, and while the room recovers.
//! - **Recovery.** A room that this store does not know, or knows from another life of it, is [`Error::NotOpen`] until it is opened anew
//!   with a block of its own. Until its recovery ends, entries are restored with the order that their receipts say; afterwards none is.
//! - **Time** is the caller's: an adapter reads no clock.
//!
//! What is kept here may be lost. What must not be, numbers, admissions, the flow, is in the log.

pub mod conformance;
mod draw;
mod in_process;
mod redis;
pub mod rooms;
mod tickets;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    ids::{CustomerId, EntryId, ShowId},
    waiting_room::Entrant,
};

pub use self::{
    draw::{commitment, deal, drawn_order, public_value, seed_name},
    in_process::InProcessWaitingRoom,
    redis::RedisWaitingRoom,
    rooms::Rooms,
    tickets::{PASS_HEADER, PassProblem, RECEIPT_HEADER, Receipt, Tickets},
};

/// How long a customer who waits may be silent before the place is given up: several polls, and a short walk without a network.
pub const SILENCE: TimeDelta = TimeDelta::seconds(60);
/// How long a store that lost its data waits for receipts before it lets anybody in: longer than any client's pause between polls.
pub const RECOVERY: TimeDelta = TimeDelta::seconds(60);
/// Orders between two numbers: an entry whose number is not known fits in between. With it, 2^37 numbers stay exact in a float of 64 bits.
const ORDERS_PER_NUMBER: u64 = 1 << 16;

/// Where an entry stands among all: lower is sooner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Order(pub u64);

impl Order {
    /// That of a number.
    pub fn of(number: u64) -> Self {
        Self(number * ORDERS_PER_NUMBER)
    }

    /// The number that stands there, or next before it.
    pub(crate) fn number(self) -> u64 {
        self.0 / ORDERS_PER_NUMBER
    }

    /// That of an entry of the lobby, by its lot, among numbers up to `last`.
    pub(crate) fn of_lot(lot: u64, last: u64) -> Self {
        let order = (u128::from(lot) * u128::from(last * ORDERS_PER_NUMBER)) >> 64;
        Self(u64::try_from(order).expect("a part of a 64-bit number"))
    }
}

/// An entry of the room, as it is restored and drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Number, id and owner.
    pub entrant: Entrant,
    /// Where it stands.
    pub order: Order,
    /// Whether it came before the doors opened.
    pub early: bool,
}

/// How a room is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The first number to give out.
    pub first: u64,
    /// The last one.
    pub last: u64,
    /// When the doors open.
    pub opens_at: DateTime<Utc>,
    /// Whether entries before that are still to be drawn.
    pub lobby_open: bool,
    /// Until when receipts are taken back and nobody is let in; `None`: the room is new.
    pub recovers_until: Option<DateTime<Utc>>,
    /// Passes that are known from the log, with their ends.
    pub active: Vec<(Entrant, DateTime<Utc>)>,
}

/// What all who wait may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notice {
    /// Customers let in per thousand seconds, as measured; 0: not known.
    pub rate_milli: u64,
    /// Whether nobody is let in for now.
    pub paused: bool,
    /// Whether nothing is left to sell.
    pub sold_out: bool,
}

/// What an entry waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The doors.
    Lobby,
    /// Its turn.
    Waiting {
        /// How many come sooner.
        ahead: u64,
    },
    /// Nothing: it has a pass.
    Admitted {
        /// The first instant at which the pass is void.
        expires_at: DateTime<Utc>,
    },
}

/// How an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Number, id and owner.
    pub entrant: Entrant,
    /// Whether it came before the doors opened.
    pub early: bool,
    /// What it waits for.
    pub state: State,
    /// What all are told.
    pub notice: Notice,
    /// Whether the room recovers: entries may come back ahead of this one.
    pub recovers: bool,
}

/// What came of entering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entered {
    /// A new entry.
    New(Standing),
    /// There is one.
    Already(Standing),
}

/// How a room stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Entries in the queue.
    pub waiting: u64,
    /// Entries in the lobby.
    pub lobby: u64,
    /// Passes that have not bought.
    pub active: u64,
    /// Whether the lobby still takes entries.
    pub lobby_open: bool,
    /// Whether the room recovers.
    pub recovers: bool,
}

/// What bounds an admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Tokens per second; as many are kept at most, and one at least.
    pub admit_per_second: u32,
    /// Customers inside at a time.
    pub max_active: u32,
    /// What there is to sell.
    pub places: u32,
    /// How many of those inside want nothing further: they hold.
    pub holding: u32,
    /// Customers let in at once.
    pub batch: usize,
}

/// What a sweep found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Swept {
    /// Silent entries that were removed.
    pub abandoned: u64,
    /// Passes whose time is over; they stay until they are released.
    pub expired: Vec<Entrant>,
}

/// Why the waiting room did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The store does not know the room, or not in this life.
    #[error("the waiting room is not open")]
    NotOpen,
    /// The numbers are used up.
    #[error("no number is left after {last}")]
    NoNumbers {
        /// The last one there was.
        last: u64,
    },
    /// The recovery is over: nothing is restored any more.
    #[error("the receipt came too late")]
    TooLate,
    /// The store can't be reached; a write may or may not have been done, and is safe to repeat.
    #[error("the waiting room is unavailable: {0}")]
    Unavailable(String),
    /// The store can't be used by this program.
    #[error("{0}")]
    Refused(String),
}

/// The port. See the module's documentation for the contract. Each call but [`WaitingRoom::open`] may answer [`Error::NotOpen`], and each
/// [`Error::Unavailable`] or [`Error::Refused`].
#[async_trait]
pub trait WaitingRoom: Send + Sync + fmt::Debug {
    /// Opens a room; one that is open stays as it is. What an earlier life of the store left is kept, but for its numbers.
    ///
    /// # Errors
    /// The store's.
    async fn open(&self, show: ShowId, opening: &Opening) -> Result<(), Error>;

    /// Gives the room the numbers from `first` to `last`, unless it has had them.
    ///
    /// # Errors
    /// The store's.
    async fn grant(&self, show: ShowId, first: u64, last: u64) -> Result<(), Error>;

    /// A place for a customer, unless there is one.
    ///
    /// # Errors
    /// [`Error::NoNumbers`].
    async fn enter(
        &self,
        show: ShowId,
        customer: CustomerId,
        entry: EntryId,
        now: DateTime<Utc>,
    ) -> Result<Entered, Error>;

    /// Takes back an entry that the store lost; one that is there stays as it is.
    ///
    /// # Errors
    /// [`Error::TooLate`].
    async fn restore(
        &self,
        show: ShowId,
        place: &Place,
        now: DateTime<Utc>,
    ) -> Result<Standing, Error>;

    /// How a customer's entry stands; a sign of life. `None`: there is none.
    ///
    /// # Errors
    /// The store's.
    async fn look(
        &self,
        show: ShowId,
        customer: CustomerId,
        now: DateTime<Utc>,
    ) -> Result<Option<Standing>, Error>;

    /// Removes entries, whatever they wait for; those that are not there are left out. How many there were.
    ///
    /// # Errors
    /// The store's.
    async fn release(&self, show: ShowId, entries: &[(CustomerId, EntryId)]) -> Result<u64, Error>;

    /// How the room stands.
    ///
    /// # Errors
    /// The store's.
    async fn depth(&self, show: ShowId, now: DateTime<Utc>) -> Result<Depth, Error>;

    /// Tells all who wait.
    ///
    /// # Errors
    /// The store's.
    async fn publish(&self, show: ShowId, notice: Notice) -> Result<(), Error>;

    /// From here on nobody enters the lobby.
    ///
    /// # Errors
    /// The store's.
    async fn close_lobby(&self, show: ShowId) -> Result<(), Error>;

    /// Entries of the lobby with numbers above `after`, by number, at most `limit`.
    ///
    /// # Errors
    /// The store's.
    async fn lobby(&self, show: ShowId, after: u64, limit: usize) -> Result<Vec<Entrant>, Error>;

    /// Moves entries from the lobby to the queue, each with the number that it drew; those that are not in the lobby are left out.
    ///
    /// # Errors
    /// The store's.
    async fn draw(&self, show: ShowId, drawn: &[(CustomerId, u64)]) -> Result<(), Error>;

    /// Who comes next, within the limits; nobody is let in by this.
    ///
    /// # Errors
    /// The store's.
    async fn next(
        &self,
        show: ShowId,
        limits: &Limits,
        now: DateTime<Utc>,
    ) -> Result<Vec<Entrant>, Error>;

    /// Lets customers in who wait, and takes a token for each. How many they were.
    ///
    /// # Errors
    /// The store's.
    async fn admit(
        &self,
        show: ShowId,
        customers: &[CustomerId],
        admit_per_second: u32,
        expires_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<u64, Error>;

    /// Removes who waits and was last heard of at `silent_since` or before (nobody while the room recovers); finds passes that ran out.
    ///
    /// # Errors
    /// The store's.
    async fn sweep(
        &self,
        show: ShowId,
        silent_since: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Swept, Error>;

    /// Forgets the room and everybody in it.
    ///
    /// # Errors
    /// The store's.
    async fn close(&self, show: ShowId) -> Result<(), Error>;

    /// Whether the store answers.
    ///
    /// # Errors
    /// The store's.
    async fn ping(&self) -> Result<(), Error>;
}

/// Opens the waiting room that `url` names: `memory:` or `redis://HOST:PORT`.
///
/// # Errors
/// [`Error::Refused`] for an unknown scheme or a URL that can't be read. A server is not asked: it may come later.
pub async fn open(url: &str) -> Result<Arc<dyn WaitingRoom>, Error> {
    match url.split_once(':') {
        Some(("memory", "")) => Ok(Arc::new(InProcessWaitingRoom::default())),
        Some(("redis" | "rediss", _)) => {
            let room = RedisWaitingRoom::new(url)?;
            room.greet().await;
            Ok(Arc::new(room))
        }
        _ => Err(Error::Refused(format!(
            "unknown waiting room {url:?}: known are memory: and redis://HOST:PORT"
        ))),
    }
}
