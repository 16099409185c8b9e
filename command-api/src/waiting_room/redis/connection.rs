//! One connection that all calls share, made anew after a failure.

use std::time::Duration;

use redis::{AsyncConnectionConfig, Client, InfoDict, RedisError, aio::MultiplexedConnection};
use tokio::{sync::Mutex, time::Instant};

use crate::waiting_room::Error;

/// How long an answer may take: a script lasts microseconds, so a server that needs longer is as good as gone.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// How long a connection may take to be made.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// Pause after a failed try, during which every call fails at once: a server that is gone is not asked by thousands.
const PAUSE: Duration = Duration::from_millis(200);

/// A connection to one life of a server.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) connection: MultiplexedConnection,
    /// The server's name for this life.
    pub(super) run: String,
    /// Counts the connections of this process.
    number: u64,
}

impl Live {
    pub(super) async fn ping(&self) -> Result<(), RedisError> {
        let mut connection = self.connection.clone();
        redis::cmd("PING").query_async(&mut connection).await
    }
}

#[derive(Debug, Default)]
struct State {
    live: Option<Live>,
    failed: Option<(Instant, String)>,
    number: u64,
}

/// Makes connections.
#[derive(Debug)]
pub(super) struct Connector {
    client: Client,
    state: Mutex<State>,
}

impl Connector {
    pub(super) fn new(url: &str) -> Result<Self, Error> {
        let client = Client::open(url);
        Ok(Self {
            client: client.map_err(|error| Error::Refused(format!("waiting_room.url: {error}")))?,
            state: Mutex::default(),
        })
    }

    /// The connection that there is, or a new one.
    pub(super) async fn live(&self) -> Result<Live, Error> {
        let mut state = self.state.lock().await;
        if let Some(live) = &state.live {
            return Ok(live.clone());
        }
        if let Some((at, reason)) = &state.failed
            && at.elapsed() < PAUSE
        {
            return Err(Error::Unavailable(reason.clone()));
        }
        match self.connect().await {
            Ok((connection, run)) => {
                state.number += 1;
                if state.failed.take().is_some() {
                    tracing::info!("the waiting room's server answers again");
                }
                let live = Live {
                    connection,
                    run,
                    number: state.number,
                };
                state.live = Some(live.clone());
                Ok(live)
            }
            Err(error) => {
                let reason = error.to_string();
                // Told once, not by each customer who asks.
                if state.failed.is_none() {
                    tracing::warn!(error = reason, "the waiting room's server can't be used");
                }
                state.failed = Some((Instant::now(), reason.clone()));
                Err(Error::Unavailable(reason))
            }
        }
    }

    /// A call failed: its connection is not used again. Another would reach another life of the server, perhaps, under the run id of this one.
    pub(super) async fn failed(&self, live: &Live, error: &RedisError) -> Error {
        let mut state = self.state.lock().await;
        if state
            .live
            .as_ref()
            .is_some_and(|known| known.number == live.number)
        {
            state.live = None;
        }
        Error::Unavailable(error.to_string())
    }

    async fn connect(&self) -> Result<(MultiplexedConnection, String), RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_WITHIN))
            .set_response_timeout(Some(ANSWER_WITHIN));
        let mut connection = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let info: InfoDict = redis::cmd("INFO")
            .arg("server")
            .query_async(&mut connection)
            .await?;
        let run = info.get("run_id").unwrap_or_default();
        Ok((connection, run))
    }
}
