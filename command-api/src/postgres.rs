//! Connections to the one of several Postgres servers that takes writes.

use std::{
    str::FromStr,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use sqlx::{
    ConnectOptions, PgPool, Postgres, Row, Transaction,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::sync::Mutex;

/// Reads are one row by key, writes are rare.
const CONNECTIONS: u32 = 4;
/// How long a caller waits for a connection, a server that has to be found again included.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a statement may wait for another's lock, and a transaction for its next statement, in milliseconds: rows are locked for
/// one round trip.
const LOCK_MS: &str = "2000";
const IDLE_IN_TRANSACTION_MS: &str = "10000";
/// Postgres's code for a write on a server that takes none.
const READ_ONLY: &str = "25006";

/// Why the database can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No server that takes writes answers.
    #[error("{0}")]
    Unavailable(String),
    /// A server answers, and must not be used.
    #[error("{0}")]
    Refused(String),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// A database on one of several servers, of which one takes writes at a time: after a fail-over it is found again.
#[derive(Debug)]
pub(crate) struct Database {
    servers: Vec<PgPool>,
    current: RwLock<Choice>,
    looking: Mutex<()>,
}

/// The server that was found last.
#[derive(Debug, Clone, Copy)]
struct Choice {
    server: usize,
    /// Rises with each fail-over: a server on an older one is history, and what it takes would be lost.
    timeline: i64,
}

impl Database {
    /// The database at `urls`, separated by commas. `name` is what the server shows of its connections.
    pub(crate) async fn open(urls: &str, name: &str) -> Result<Self, Error> {
        let servers = urls
            .split(',')
            .map(|url| pool(url, name))
            .collect::<Result<Vec<_>, _>>()?;
        let none = Choice {
            server: 0,
            timeline: 0,
        };
        let database = Self {
            current: RwLock::new(none),
            looking: Mutex::new(()),
            servers,
        };
        database.find(none).await?;
        Ok(database)
    }

    /// The pool of the server that takes writes.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.servers[self.choice().server]
    }

    /// A connection to the server that takes writes; it is looked for again where the last one does not answer.
    pub(crate) async fn acquire(&self) -> Result<PoolConnection<Postgres>, Error> {
        let choice = self.choice();
        if let Ok(connection) = self.servers[choice.server].acquire().await {
            return Ok(connection);
        }
        let found = self.find(choice).await?;
        Ok(self.servers[found.server].acquire().await?)
    }

    /// A transaction on the server that takes writes.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Postgres>, Error> {
        Ok(Transaction::begin(self.acquire().await?, None).await?)
    }

    /// Looks for the server again where `error` says that the last one takes no writes any more: the next call finds it.
    pub(crate) async fn note(&self, error: &sqlx::Error) {
        let refusal = error.as_database_error();
        if refusal.is_some_and(|refusal| refusal.code().is_some_and(|code| code == READ_ONLY))
            && let Err(error) = self.find(self.choice()).await
        {
            tracing::warn!(%error, "no server takes writes");
        }
    }

    pub(crate) async fn close(&self) {
        for server in &self.servers {
            server.close().await;
        }
    }

    fn choice(&self) -> Choice {
        *self.current.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server on the newest timeline among those that take writes; several that fail at once look once.
    async fn find(&self, instead_of: Choice) -> Result<Choice, Error> {
        let _looking = self.looking.lock().await;
        let current = self.choice();
        if (current.server, current.timeline) != (instead_of.server, instead_of.timeline) {
            return Ok(current);
        }
        let looks = self.servers.iter().map(inspect);
        let (mut best, mut why) = (None::<Choice>, None);
        for (server, look) in futures::future::join_all(looks)
            .await
            .into_iter()
            .enumerate()
        {
            match look {
                Ok(timeline) if best.is_none_or(|best| timeline > best.timeline) => {
                    best = Some(Choice { server, timeline });
                }
                Ok(_) => {}
                // A refusal tells more than a silence.
                Err(error @ Error::Refused(_)) => why = Some(error),
                Err(error) => why = why.or(Some(error)),
            }
        }
        let none = || Error::Refused("no URL is given".to_owned());
        let best = best.ok_or_else(|| why.unwrap_or_else(none))?;
        if best.timeline < current.timeline {
            return Err(Error::Unavailable(format!(
                "the server that answers is on timeline {}, but another was on {}: what it took would be lost",
                best.timeline, current.timeline
            )));
        }
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = best;
        Ok(best)
    }
}

fn pool(url: &str, name: &str) -> Result<PgPool, Error> {
    let options = PgConnectOptions::from_str(url.trim())
        .map_err(|error| Error::Refused(format!("a URL can't be read: {error}")))?
        .application_name(name)
        // A key in a statement's parameters must not get into a log.
        .disable_statement_logging()
        .options([
            // `IF NOT EXISTS` is told of at each start otherwise.
            ("client_min_messages", "warning"),
            ("lock_timeout", LOCK_MS),
            (
                "idle_in_transaction_session_timeout",
                IDLE_IN_TRANSACTION_MS,
            ),
        ]);
    Ok(PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_lazy_with(options))
}

/// The timeline of a server that takes writes and keeps them.
async fn inspect(server: &PgPool) -> Result<i64, Error> {
    let row = sqlx::query(include_str!("../sql/postgres/read_server.sql"))
        .fetch_one(server)
        .await?;
    if row.get("in_recovery") {
        return Err(Error::Refused(
            "the server is a standby and takes no writes: name its primary".to_owned(),
        ));
    }
    if !row.get::<bool, _>("is_durable") {
        return Err(Error::Refused(
            "Postgres's fsync, full_page_writes or synchronous_commit is off: what was answered could be lost with the power".to_owned(),
        ));
    }
    Ok(row.get("timeline"))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use servers::{Options, Postgres, StandbyOptions};
    use uuid::Uuid;

    use crate::{
        credentials::{Credentials as _, PostgresCredentials},
        key_store::{KeyStore as _, PostgresKeyStore},
    };

    #[tokio::test]
    async fn keys_and_credentials_go_on_where_the_standby_was_promoted() {
        let test = "keys and credentials after a fail-over";
        let Some(mut primary) = Postgres::start(test, Options::default()).await else {
            return;
        };
        let standby = primary.standby(StandbyOptions { synchronous: true }).await;
        let urls = [&primary, &standby].map(|server| server.url("postgres"));
        // Whatever their order, the one that takes writes is found.
        let (there, back) = (urls.join(","), format!("{},{}", urls[1], urls[0]));
        let keys = PostgresKeyStore::open(&back).await.unwrap();
        let credentials = PostgresCredentials::open(&there).await.unwrap();
        let customer = Uuid::now_v7();
        let key = keys
            .create_key(customer, DateTime::UNIX_EPOCH)
            .await
            .unwrap();
        credentials
            .put_password(customer, "$x", DateTime::UNIX_EPOCH)
            .await
            .unwrap();

        primary.kill();
        standby.promote().await;
        assert_eq!(keys.key(customer).await.unwrap(), Some(key));
        credentials.settle_password(customer).await.unwrap();
        keys.settle_key(customer).await.unwrap();

        // The old one comes back, a fork of what was: it is not gone back to.
        primary.launch();
        keys.destroy_key(customer, DateTime::UNIX_EPOCH)
            .await
            .unwrap();
        let again = PostgresKeyStore::open(&there).await.unwrap();
        assert_eq!(again.key(customer).await.unwrap(), None);
    }
}
