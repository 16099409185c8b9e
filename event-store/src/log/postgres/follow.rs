//! Following the head: told of each commit by `NOTIFY`, and looking each second besides, since what is told can be lost. It also keeps
//! the clock's offset, and notices that the server is gone.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::postgres::{PgListener, PgNotification};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{confirm::Shared, read, servers::Server, unavailable};
use crate::log::{Error, Position, advance};

/// Where `append_events` tells of its commits.
const CHANNEL: &str = "event_log";

/// How long looking may take before the server counts as gone.
const POLL_TIMEOUT: Duration = Duration::from_secs(3);

/// How often all servers of the log are asked for their timelines. One that is back from a failure answers as if nothing had happened,
/// and who only reads would go on with it: this bounds for how long.
const SURVEY: Duration = Duration::from_secs(2);

/// Follows the head, from server to server.
pub(super) async fn run(shared: Arc<Shared>, head: watch::Sender<Position>, every: Duration) {
    tokio::join!(follow_each(&shared, &head, every), survey(&shared));
}

/// Notices a server that was promoted while another answers still, or again. Beside the following: one that is silent holds nobody up.
async fn survey(shared: &Shared) {
    let mut pause = interval(SURVEY);
    pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while shared.servers.are_several() {
        pause.tick().await;
        shared.servers.survey().await;
    }
}

async fn follow_each(shared: &Shared, head: &watch::Sender<Position>, every: Duration) {
    let mut pause = interval(every);
    pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pause.tick().await;
        let server = shared.servers.current();
        let Err(error) = follow(shared, &server, head, every).await;
        tracing::warn!(%error, "can't look for new events");
        if let Err(error) = shared.servers.look_again(server.generation).await {
            tracing::warn!(%error, "no server holds the log at present");
        }
    }
}

/// Follows the head on one server, until that fails.
async fn follow(
    shared: &Shared,
    server: &Server,
    head: &watch::Sender<Position>,
    every: Duration,
) -> Result<std::convert::Infallible, Error> {
    let mut listener = None;
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // Each commit wakes the session of each listener on the server: a process where nobody waits for commits looks now and then.
        // A standby tells of nothing: there, only looking helps.
        let is_followed = head.receiver_count() > 0 && !shared.servers.is_read_only();
        if is_followed && listener.is_none() {
            let listening = timeout(POLL_TIMEOUT, listen(server)).await;
            listener = Some(listening.map_err(late)??);
            // What was committed before is told to nobody.
            ticks.reset_immediately();
        } else if !is_followed {
            listener = None;
        }
        tokio::select! {
            () = shared.followed.notified(), if listener.is_none() => {}
            told = next(&mut listener) => {
                if let Ok(position) = told?.payload().parse() {
                    advance(head, Position(position));
                }
            }
            _ = ticks.tick() => sample(shared, server, head).await?,
        }
        if shared.servers.current().generation != server.generation {
            return Err(Error::Unavailable(
                "the log moved to another server".to_owned(),
            ));
        }
        shared.servers.usable()?;
    }
}

/// What is told next; never, where nobody listens.
async fn next(listener: &mut Option<PgListener>) -> Result<PgNotification, Error> {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    let told = listener.try_recv().await.map_err(|e| unavailable(&e))?;
    told.ok_or_else(|| Error::Unavailable("the connection was lost".to_owned()))
}

async fn listen(server: &Server) -> Result<PgListener, Error> {
    let mut listener = PgListener::connect_with(&server.pool)
        .await
        .map_err(|e| unavailable(&e))?;
    // A lost connection ends the following: what was told meanwhile is looked up by the next.
    listener.eager_reconnect(false);
    listener
        .listen(CHANNEL)
        .await
        .map_err(|e| unavailable(&e))?;
    Ok(listener)
}

/// Reads the head and the server's clock.
pub(super) async fn sample(
    shared: &Shared,
    server: &Server,
    head: &watch::Sender<Position>,
) -> Result<(), Error> {
    let sent = Instant::now();
    let (now, told_at) = timeout(POLL_TIMEOUT, read::head(&server.pool))
        .await
        .map_err(late)??;
    let received = Instant::now();
    shared
        .clock
        .observe(server.generation, sent, received, told_at);
    shared.servers.saw(now.epoch);
    advance(head, now.position);
    Ok(())
}

fn late<E>(_: E) -> Error {
    Error::Unavailable(format!("no answer within {POLL_TIMEOUT:?}"))
}
