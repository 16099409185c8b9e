//! Rows of all tables, by key.

use std::collections::{BTreeMap, BTreeSet};

use domain::ids::{ConcertId, CustomerId, DropEntryId, DropId, PaymentId, ReservationId, ShowId};
use serde::Serialize;

use crate::{
    Error, ProjectionId,
    seat_map::SeatMap,
    tables::{Account, Concert, Drop, DropEntry, Payment, Reservation, Saga, Show, Transaction},
};

/// A table of the read model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Concerts, by concert.
    Concerts,
    /// Shows, by show.
    Shows,
    /// Seating plans, by show: written once.
    SeatPlans,
    /// Seat statuses, by show.
    SeatMaps,
    /// Reservations, by reservation.
    Reservations,
    /// Payments, by payment.
    Payments,
    /// Accounts, by customer.
    Accounts,
    /// Transactions, by position.
    Transactions,
    /// Sagas, by payment.
    Sagas,
    /// Drops, by drop.
    Drops,
    /// Entries of drops, by entry.
    DropEntries,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Concerts,
        Self::Shows,
        Self::SeatPlans,
        Self::SeatMaps,
        Self::Reservations,
        Self::Payments,
        Self::Accounts,
        Self::Transactions,
        Self::Sagas,
        Self::Drops,
        Self::DropEntries,
    ];

    /// Its name in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Concerts => "concerts",
            Self::Shows => "shows",
            Self::SeatPlans => "seat_plans",
            Self::SeatMaps => "seat_maps",
            Self::Reservations => "reservations",
            Self::Payments => "payments",
            Self::Accounts => "accounts",
            Self::Transactions => "transactions",
            Self::Sagas => "sagas",
            Self::Drops => "drops",
            Self::DropEntries => "drop_entries",
        }
    }

    /// Who writes it.
    pub const fn projection(self) -> ProjectionId {
        match self {
            Self::Concerts | Self::Shows => ProjectionId::Catalogue,
            Self::SeatPlans | Self::SeatMaps => ProjectionId::SeatMaps,
            Self::Reservations => ProjectionId::Reservations,
            Self::Payments => ProjectionId::Payments,
            Self::Accounts | Self::Transactions => ProjectionId::Points,
            Self::Sagas => ProjectionId::Sagas,
            Self::Drops | Self::DropEntries => ProjectionId::Drops,
        }
    }
}

/// A row as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Document {
    /// Key: an id, or a position in 20 digits. Keys sort as text.
    pub key: String,
    /// The row, as JSON; equal rows are equal text.
    pub json: String,
}

/// Rows, by key. A seat map stands for its plan, too.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "each field is the table of its name")]
pub struct Rows {
    pub concerts: BTreeMap<ConcertId, Concert>,
    pub shows: BTreeMap<ShowId, Show>,
    pub seat_maps: BTreeMap<ShowId, SeatMap>,
    pub reservations: BTreeMap<ReservationId, Reservation>,
    pub payments: BTreeMap<PaymentId, Payment>,
    pub accounts: BTreeMap<CustomerId, Account>,
    /// By position.
    pub transactions: BTreeMap<u64, Transaction>,
    pub sagas: BTreeMap<PaymentId, Saga>,
    pub drops: BTreeMap<DropId, Drop>,
    pub drop_entries: BTreeMap<DropEntryId, DropEntry>,
}

/// Keys of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the table of its name")]
pub struct Keys {
    pub concerts: BTreeSet<ConcertId>,
    pub shows: BTreeSet<ShowId>,
    pub seat_maps: BTreeSet<ShowId>,
    pub reservations: BTreeSet<ReservationId>,
    pub payments: BTreeSet<PaymentId>,
    pub accounts: BTreeSet<CustomerId>,
    /// By position.
    pub transactions: BTreeSet<u64>,
    pub sagas: BTreeSet<PaymentId>,
    pub drops: BTreeSet<DropId>,
    pub drop_entries: BTreeSet<DropEntryId>,
}

impl Rows {
    /// The rows of one table as they are stored, in key order: what [`crate::Snapshot::page`] shows of them.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where a row has no JSON form; no row of these types does.
    pub fn documents(&self, table: Table) -> Result<Vec<Document>, Error> {
        match table {
            Table::Concerts => documents(&self.concerts),
            Table::Shows => documents(&self.shows),
            Table::SeatPlans => self.seat_maps.iter().map(plan_document).collect(),
            Table::SeatMaps => self.seat_maps.iter().map(statuses_document).collect(),
            Table::Reservations => documents(&self.reservations),
            Table::Payments => documents(&self.payments),
            Table::Accounts => documents(&self.accounts),
            Table::Transactions => self
                .transactions
                .iter()
                .map(|(position, row)| document(position_key(*position), row))
                .collect(),
            Table::Sagas => documents(&self.sagas),
            Table::Drops => documents(&self.drops),
            Table::DropEntries => documents(&self.drop_entries),
        }
    }

    /// The rows of `seat_plans` that an event beyond `position` changed.
    pub(crate) fn plans_since(&self, position: u64) -> Result<Vec<Document>, Error> {
        let maps = self.seat_maps.iter();
        maps.filter(|(_, map)| map.plan_position() > position)
            .map(plan_document)
            .collect()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.concerts.is_empty()
            && self.shows.is_empty()
            && self.seat_maps.is_empty()
            && self.reservations.is_empty()
            && self.payments.is_empty()
            && self.accounts.is_empty()
            && self.transactions.is_empty()
            && self.sagas.is_empty()
            && self.drops.is_empty()
            && self.drop_entries.is_empty()
    }
}

/// A position as a key: 20 digits, so that keys sort as text like the numbers they are.
pub(crate) fn position_key(position: u64) -> String {
    format!("{position:020}")
}

fn documents<K: ToString, R: Serialize>(rows: &BTreeMap<K, R>) -> Result<Vec<Document>, Error> {
    rows.iter()
        .map(|(key, row)| document(key.to_string(), row))
        .collect()
}

fn document<R: Serialize>(key: String, row: &R) -> Result<Document, Error> {
    let json = serde_json::to_string(row).map_err(|e| Error::Corrupt(e.to_string()))?;
    Ok(Document { key, json })
}

fn plan_document((show, map): (&ShowId, &SeatMap)) -> Result<Document, Error> {
    Ok(Document {
        key: show.to_string(),
        json: map.plan_json()?,
    })
}

fn statuses_document((show, map): (&ShowId, &SeatMap)) -> Result<Document, Error> {
    Ok(Document {
        key: show.to_string(),
        json: map.statuses_json()?,
    })
}
