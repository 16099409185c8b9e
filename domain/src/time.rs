//! Time as the domain is given it.

/// An instant in UTC with microsecond resolution. JSON: RFC 3339. The domain never asks for the present: it is told.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
