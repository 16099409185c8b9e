//! Timers: a stream's `wake_at`, set by appends and polled by index.

use chrono::{DateTime, Utc};

use crate::log::StreamId;

/// What an append does to its stream's timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WakeAt {
    /// Leaves it.
    #[default]
    Keep,
    /// Sets it.
    At(DateTime<Utc>),
    /// Clears it.
    Never,
}

/// A stream whose timer came due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The stream.
    pub stream: StreamId,
    /// When it wanted attention.
    pub wake_at: DateTime<Utc>,
}
