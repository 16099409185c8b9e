//! ADAPTER: leases in the log's Postgres, by its clock. They hold for all processes that use the log.
//!
//! Every write is committed as an append is: it is answered once it is on the synchronous standby, where there is one.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sqlx::{Postgres, postgres::PgArguments, query::Query};
use tokio::time::timeout;
use uuid::Uuid;

use super::{Error, Lease, Leases};
use crate::log::{
    self, Position,
    postgres::{Options, notices::Notices, servers::Servers, sql, unavailable},
};

/// Connections: a process leads a handful of jobs, each of which renews once a second.
const CONNECTIONS: u32 = 4;

/// How long one call may take: longer, and a lease could not be renewed in time.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// Leases in the log's Postgres.
#[derive(Debug)]
pub struct PostgresLeases {
    servers: Arc<Servers>,
}

impl PostgresLeases {
    /// Opens the leases of the log at `url`, which names its servers as [`log::PostgresEventLog::open`] takes them.
    ///
    /// # Errors
    /// [`Error::Refused`] for a server that can't hold the log, [`Error::Unavailable`].
    pub async fn open(url: &str, options: Options) -> Result<Self, Error> {
        let options = Options {
            read_connections: CONNECTIONS,
            ..options
        };
        let servers = Servers::open(url, options).await.map_err(Error::from)?;
        Ok(Self { servers })
    }

    /// Makes a write and answers its row. One whose wait for the standby was cut short has failed: it may be taken back.
    async fn write(
        &self,
        query: Query<'_, Postgres, PgArguments>,
    ) -> Result<Option<sqlx::postgres::PgRow>, Error> {
        let server = self.servers.current();
        if let Err(error) = self.servers.usable() {
            self.look_again(server.generation).await;
            return Err(error.into());
        }
        let call = timeout(CALL_TIMEOUT, query.fetch_optional(&server.pool));
        let (row, warning) = Notices::new().listen(call).await;
        let row = match row {
            Ok(Ok(row)) => row,
            Ok(Err(error)) => {
                self.look_again(server.generation).await;
                return Err(unavailable(&error).into());
            }
            Err(_) => {
                self.look_again(server.generation).await;
                return Err(Error::Unavailable(format!(
                    "the leases' server did not answer within {CALL_TIMEOUT:?}"
                )));
            }
        };
        match warning {
            None => Ok(row),
            Some(warning) => Err(Error::Unavailable(format!(
                "the leases' server warned: {warning}"
            ))),
        }
    }

    async fn look_again(&self, generation: u64) {
        if let Err(error) = self.servers.look_again(generation).await {
            tracing::debug!(%error, "no server holds the leases at present");
        }
    }
}

impl From<log::Error> for Error {
    fn from(error: log::Error) -> Self {
        match error {
            log::Error::Refused(why) => Self::Refused(why),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

#[async_trait]
impl Leases for PostgresLeases {
    async fn hold(&self, name: &str, holder: Uuid, ttl: Duration) -> Result<Option<Lease>, Error> {
        let query = sqlx::query(sql!("hold_lease"))
            .bind(name)
            .bind(holder)
            .bind(ttl);
        let Some(row) = self.write(query).await? else {
            return Ok(None);
        };
        let term: i64 = sqlx::Row::try_get(&row, 0).map_err(|e| unavailable(&e))?;
        Ok(Some(Lease {
            name: name.to_owned(),
            holder,
            term: u64::try_from(term).unwrap_or_default(),
        }))
    }

    async fn release(&self, lease: &Lease) -> Result<(), Error> {
        let query = sqlx::query(sql!("release_lease"))
            .bind(&lease.name)
            .bind(lease.holder)
            .bind(to_i64(lease.term));
        self.write(query).await.map(drop)
    }

    async fn claim(&self, lease: &Lease, up_to: Position) -> Result<bool, Error> {
        let query = sqlx::query(sql!("claim_lease"))
            .bind(&lease.name)
            .bind(lease.holder)
            .bind(to_i64(lease.term))
            .bind(to_i64(up_to.0));
        Ok(self.write(query).await?.is_some())
    }
}

/// Postgres's integers are signed; terms and positions never come near the end of either.
fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
