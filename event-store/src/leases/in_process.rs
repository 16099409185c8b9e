//! ADAPTER: leases of one process, for the embedded log: `serve` locks its folder, so that there is no other.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Error, Lease, Leases};
use crate::log::Position;

/// Leases of one process. What the embedded log commits is on disk at once: there is nothing that a claim would wait for.
#[derive(Debug, Default)]
pub struct InProcessLeases(Mutex<HashMap<String, Row>>);

#[derive(Debug)]
struct Row {
    holder: Uuid,
    term: u64,
    expires_at: Instant,
}

impl Row {
    fn is(&self, lease: &Lease) -> bool {
        self.holder == lease.holder && self.term == lease.term
    }
}

#[async_trait]
impl Leases for InProcessLeases {
    async fn hold(&self, name: &str, holder: Uuid, ttl: Duration) -> Result<Option<Lease>, Error> {
        let now = Instant::now();
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let row = rows.entry(name.to_owned()).or_insert(Row {
            holder,
            term: 0,
            expires_at: now,
        });
        let over = row.expires_at <= now;
        if row.holder != holder && !over {
            return Ok(None);
        }
        *row = Row {
            holder,
            term: row.term + u64::from(over),
            expires_at: now + ttl,
        };
        Ok(Some(Lease {
            name: name.to_owned(),
            holder,
            term: row.term,
        }))
    }

    async fn release(&self, lease: &Lease) -> Result<(), Error> {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(row) = rows.get_mut(&lease.name).filter(|row| row.is(lease)) {
            row.expires_at = Instant::now();
        }
        Ok(())
    }

    async fn claim(&self, lease: &Lease, _up_to: Position) -> Result<bool, Error> {
        let rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let row = rows.get(&lease.name);
        Ok(row.is_some_and(|row| row.is(lease) && row.expires_at > Instant::now()))
    }
}
