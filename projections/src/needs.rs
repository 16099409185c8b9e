//! Which rows a batch goes on from.

use domain::ids::{ConcertId, CustomerId, DropEntryId, DropId, PaymentId, ReservationId, ShowId};
use read_model::Keys;

/// The keys of a batch's rows, noted event by event, in order.
///
/// A row that an event of the batch makes, or replaces whatever it was, need not be read before.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    load: Keys,
    made: Keys,
}

macro_rules! notes {
    ($($(#[$doc:meta])* $name:ident: $table:ident of $key:ty;)*) => {$(
        $(#[$doc])*
        pub fn $name(&mut self, key: $key, event: Effect) {
            match event {
                Effect::Makes => {
                    self.made.$table.insert(key);
                }
                Effect::Changes if !self.made.$table.contains(&key) => {
                    self.load.$table.insert(key);
                }
                Effect::Changes => {}
            }
        }
    )*};
}

/// What an event does to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The row after the event does not depend on the one before it.
    Makes,
    /// The row after the event depends on the one before it.
    Changes,
}

impl Needs {
    notes! {
        /// Notes a concert.
        concert: concerts of ConcertId;
        /// Notes a show.
        show: shows of ShowId;
        /// Notes a seat map.
        seat_map: seat_maps of ShowId;
        /// Notes a reservation.
        reservation: reservations of ReservationId;
        /// Notes a payment.
        payment: payments of PaymentId;
        /// Notes an account.
        account: accounts of CustomerId;
        /// Notes a saga.
        saga: sagas of PaymentId;
        /// Notes a drop.
        fair_drop: drops of DropId;
        /// Notes an entry of a drop.
        drop_entry: drop_entries of DropEntryId;
    }

    /// The rows to read.
    pub fn into_keys(self) -> Keys {
        self.load
    }
}

impl Effect {
    /// [`Effect::Makes`] where that is so.
    pub(crate) const fn makes(makes: bool) -> Self {
        if makes { Self::Makes } else { Self::Changes }
    }
}
