//! Part of the log, by routing key: a row folds the events of one key only, so a fold of one part is whole in itself,
//! and a log of any length can be folded in as many parts as memory asks for.

use read_model::{Document, Error, Table};
use serde::Deserialize;

/// One of `of` parts; every routing key is in exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    number: u64,
    of: u64,
}

/// What of a row names its routing key.
#[derive(Deserialize)]
struct Owner<'a> {
    #[serde(rename = "concert_id")]
    concert: Option<&'a str>,
    #[serde(rename = "show_id")]
    show: Option<&'a str>,
    #[serde(rename = "customer_id")]
    customer: Option<&'a str>,
    #[serde(rename = "drop_id")]
    drop: Option<&'a str>,
}

impl Slice {
    /// Everything.
    pub const WHOLE: Self = Self { number: 0, of: 1 };

    /// All parts, `of` of them; one where 0 are asked for.
    pub fn all(of: u64) -> impl Iterator<Item = Self> {
        let of = of.max(1);
        (0..of).map(move |number| Self { number, of })
    }

    /// Whether the events of a routing key are in this part.
    pub fn holds(&self, routing_key: &str) -> bool {
        // FNV-1a: keys are random already, they only have to be spread the same way each time.
        let hash = routing_key
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        // The low bits of FNV-1a are its weak ones.
        (hash >> 32) % self.of == self.number
    }

    /// Whether a stored row folds events of this part.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the row does not say whose it is.
    pub fn holds_row(&self, table: Table, row: &Document) -> Result<bool, Error> {
        routing_key(table, row).map(|key| self.holds(&key))
    }
}

/// The routing key whose events a stored row folds.
///
/// # Errors
/// [`Error::Corrupt`] where the row does not say whose it is.
pub fn routing_key(table: Table, row: &Document) -> Result<String, Error> {
    let corrupt = || Error::Corrupt(format!("{} {} names no owner", table.name(), row.key));
    let owner: Owner<'_> = serde_json::from_str(&row.json).map_err(|_| corrupt())?;
    let key = match table {
        Table::Concerts => owner.concert,
        Table::Shows
        | Table::SeatPlans
        | Table::SeatMaps
        | Table::Reservations
        | Table::Payments
        | Table::Sagas => owner.show,
        Table::Accounts | Table::Transactions => owner.customer,
        Table::Drops | Table::DropEntries => owner.drop,
    };
    key.map(ToOwned::to_owned).ok_or_else(corrupt)
}
