//! Which routing keys a dry run is about. A row folds all events of one key, so history is never cut within a key: a range names the keys
//! that had something happen to them in it, and those are replayed from their beginning.

use std::collections::BTreeSet;

use event_store::{EventLog, Position};

use crate::Error;

/// Most routing keys that a range may name: some hundred megabytes of them.
pub const MAX_KEYS: usize = 1_000_000;
/// Events read at a time.
const PAGE: usize = 5_000;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// These routing keys alone; none: all.
    pub keys: BTreeSet<String>,
    /// Those alone of which an event stands at this position or behind it.
    pub from: Option<u64>,
    /// Those alone of which an event stands at this position or before it.
    pub to: Option<u64>,
}

/// The routing keys that a filter names; `None`: all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Selection(Option<BTreeSet<String>>);

impl Selection {
    /// Reads the range of the log that is asked about, where there is one.
    pub(super) async fn of(log: &dyn EventLog, filter: &Filter) -> Result<Self, Error> {
        if filter.from.is_none() && filter.to.is_none() {
            let keys = (!filter.keys.is_empty()).then(|| filter.keys.clone());
            return Ok(Self(keys));
        }
        let head = log.head().await?.position.0;
        let end = filter.to.unwrap_or(head).min(head);
        let mut after = filter.from.unwrap_or(1).saturating_sub(1);
        let mut keys = BTreeSet::new();
        while after < end {
            let page = log.read_all(Position(after), PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.position.0;
            let inside = page.into_iter().filter(|event| event.position.0 <= end);
            for event in inside {
                if filter.keys.is_empty() || filter.keys.contains(&event.routing_key) {
                    keys.insert(event.routing_key);
                }
            }
            if keys.len() > MAX_KEYS {
                return Err(Error::TooManyKeys);
            }
        }
        Ok(Self(Some(keys)))
    }

    /// Whether the events and rows of a routing key are looked at.
    pub(super) fn holds(&self, key: &str) -> bool {
        self.0.as_ref().is_none_or(|keys| keys.contains(key))
    }

    /// Whether everything is looked at.
    pub(super) fn is_whole(&self) -> bool {
        self.0.is_none()
    }

    /// How many keys there are, where they are named.
    pub(super) fn len(&self) -> Option<u64> {
        let keys = self.0.as_ref()?;
        u64::try_from(keys.len()).ok()
    }
}
