//! What is seen on the primary and what is on its standby. A commit whose wait for the standby was cut short is seen, and a fail-over
//! takes it back: a command is answered from it only once that can't happen any more.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::{PgConnection, Postgres, pool::PoolConnection};
use tokio::{sync::Notify, time::timeout};
use uuid::Uuid;

use super::{notices::Notices, servers::Servers, sql};
use crate::{
    clock::DatabaseClock,
    commands::KnownCommand,
    log::{Error, Position},
};

/// What the log's tasks share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) servers: Arc<Servers>,
    pub(super) clock: Arc<DatabaseClock>,
    pub(super) confirmed: Mutex<Confirmed>,
    /// Somebody begins to wait for commits.
    pub(super) followed: Notify,
    pub(super) deadline: Duration,
}

/// Every event of a server up to a position is known to be on its standby. Positions are in commit order, and so is what the standby
/// receives: what was acknowledged stands for all before it.
#[derive(Debug, Default)]
pub(super) struct Confirmed {
    generation: u64,
    until: Position,
}

impl Shared {
    /// Notes what was acknowledged.
    pub(super) fn confirmed(&self, generation: u64, until: Position) {
        let mut confirmed = self
            .confirmed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if generation > confirmed.generation {
            *confirmed = Confirmed { generation, until };
        } else if generation == confirmed.generation {
            confirmed.until = confirmed.until.max(until);
        }
    }

    fn is_confirmed(&self, generation: u64, until: Position) -> bool {
        let confirmed = self
            .confirmed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        confirmed.generation == generation && until <= confirmed.until
    }
}

/// A connection to one server: what is confirmed through it is what was read through it, whatever happens to the server in between.
pub(super) struct Confirming<'a> {
    pub(super) connection: PoolConnection<Postgres>,
    pub(super) generation: u64,
    pub(super) shared: &'a Shared,
}

impl Confirming<'_> {
    pub(super) fn executor(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// See [`confirm`].
    pub(super) async fn confirm(&mut self, until: Position) -> Result<(), Error> {
        confirm(self.shared, self.generation, &mut self.connection, until).await
    }
}

/// The last position of what is known; 0 if nothing is.
pub(super) fn last_of(known: &HashMap<Uuid, KnownCommand>) -> Position {
    let last = known.values().map(|known| known.last);
    last.max().unwrap_or_default()
}

/// Makes sure that everything up to `until`, which was read through this connection, is as durable as what was acknowledged: a write
/// that comes after it waits for the standby in its stead.
pub(super) async fn confirm(
    shared: &Shared,
    generation: u64,
    connection: &mut PgConnection,
    until: Position,
) -> Result<(), Error> {
    if until == Position(0)
        || shared.servers.is_read_only()
        || shared.is_confirmed(generation, until)
    {
        return Ok(());
    }
    let unknown = |why: String| {
        Error::Unavailable(format!(
            "what the log holds up to {until} may not be on its standby yet: {why}"
        ))
    };
    let write = sqlx::query_scalar(sql!("confirm_commits")).fetch_one(connection);
    let (written, warning) = Notices::new().listen(timeout(shared.deadline, write)).await;
    let written =
        written.map_err(|_| unknown(format!("no answer within {:?}", shared.deadline)))?;
    let position: i64 = written.map_err(|e| unknown(e.to_string()))?;
    if let Some(warning) = warning {
        return Err(unknown(warning));
    }
    let position = Position(u64::try_from(position).unwrap_or_default());
    shared.confirmed(generation, position);
    Ok(())
}
