//! What the ledger holds.

use std::fmt;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Channel;

/// Where a notification stands among all: its event's position in the log, and which of the event's it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// Position of the event.
    pub position: u64,
    /// Which of those told by the event, from 0.
    pub ordinal: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.position, self.ordinal)
    }
}

impl std::str::FromStr for Place {
    type Err = std::num::ParseIntError;

    /// Reads `position.ordinal`. A position alone stands behind everything told by its event.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (position, ordinal) = match text.split_once('.') {
            Some((position, ordinal)) => (position, ordinal.parse()?),
            None => (text, u32::MAX),
        };
        let position: u64 = position.parse()?;
        Ok(Self {
            // Beyond what databases count to, there is nothing.
            position: position.min(i64::MAX.unsigned_abs()),
            ordinal,
        })
    }
}

/// What a customer is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Derived: see [`super::notification_id`].
    pub id: Uuid,
    /// Who is told.
    pub customer: Uuid,
    /// Its place.
    pub place: Place,
    /// Name of its [`super::Kind`], as stored.
    pub kind: String,
    /// JSON, without personal data.
    pub data: String,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
}

/// Something to be sent elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Derived: see [`super::notification_id`].
    pub id: Uuid,
    /// How it is sent.
    pub channel: Channel,
    /// The customer, or the webhook.
    pub recipient: Uuid,
    /// What it takes turns with: its webhook's deliveries, or all e-mail.
    pub lane: Uuid,
    /// Its place.
    pub place: Place,
    /// Name of its [`super::Kind`], as stored.
    pub kind: String,
    /// JSON, without personal data.
    pub data: String,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// Tries so far.
    pub attempts: u32,
    /// When it is tried next; of one that is settled: when that was.
    pub next_at: DateTime<Utc>,
    /// Why the last try failed.
    pub reason: Option<String>,
}

/// What is told by the events between two places of the log.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Where the reader stood.
    pub from: u64,
    /// Where it stands now.
    pub to: u64,
    /// What customers are told.
    pub notifications: Vec<Notification>,
    /// What is sent elsewhere.
    pub deliveries: Vec<Delivery>,
}

/// What came of one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The other side took it.
    Sent,
    /// There is nobody to send it to.
    Dropped {
        /// Why.
        reason: String,
    },
    /// It failed and is tried again.
    Retry {
        /// When.
        at: DateTime<Utc>,
        /// Why.
        reason: String,
    },
    /// It failed for good.
    Dead {
        /// Why.
        reason: String,
    },
}

impl Outcome {
    /// What it is called in metrics.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Dropped { .. } => "dropped",
            Self::Retry { .. } => "retried",
            Self::Dead { .. } => "dead",
        }
    }

    /// State, time and reason, as stored.
    pub(super) fn columns(
        &self,
        now: DateTime<Utc>,
    ) -> (&'static str, DateTime<Utc>, Option<&str>) {
        match self {
            Self::Sent => ("sent", now, None),
            Self::Dropped { reason } => ("dropped", now, Some(reason)),
            Self::Retry { at, reason } => ("pending", *at, Some(reason)),
            Self::Dead { reason } => ("dead", now, Some(reason)),
        }
    }
}

/// An organizer's wish to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Which.
    pub id: Uuid,
    /// Whose.
    pub organizer: Uuid,
    /// Where to.
    pub url: String,
    /// Names of the kinds that are wanted.
    pub kinds: Vec<String>,
    /// Events behind this position are told.
    pub since: u64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Since when, and why, it is not called any more.
    pub disabled: Option<Disabled>,
}

/// Since when, and why, a webhook is not called any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disabled {
    /// Since when.
    pub at: DateTime<Utc>,
    /// Why.
    pub reason: String,
}

/// How the deliveries stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Pending ones.
    pub pending: u64,
    /// Dead ones.
    pub dead: u64,
    /// When the oldest of what is pending happened.
    pub oldest: Option<DateTime<Utc>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let place = Place {
            position: 7,
            ordinal: 2,
        };
        assert_eq!(place.to_string().parse(), Ok(place));
        let after: Place = "7".parse().unwrap();
        assert!(after > place);
        assert!("x.1".parse::<Place>().is_err() && "1.x".parse::<Place>().is_err());
    }
}
