//! Time as the domain is given it.

use chrono::Datelike;

/// An instant in UTC with microsecond resolution. JSON: RFC 3339. The domain never asks for the present: it is told.
pub type Timestamp = chrono::DateTime<chrono::Utc>;

/// Last year that the log can write down; the first is 0.
const LAST_YEAR: i32 = 9_999;

/// Refuses an instant that the log could not write down.
pub(crate) fn check_year(instant: Timestamp) -> Result<(), String> {
    if (0..=LAST_YEAR).contains(&instant.year()) {
        return Ok(());
    }
    Err(format!("must be in the years 0000 to {LAST_YEAR}, in UTC"))
}
