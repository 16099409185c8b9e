//! The accept loop: HTTP/1.1 with bounds that `axum::serve` does not have.

mod stall;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Request,
    http::Uri,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

use self::stall::Impatient;
use crate::{layers::overloaded, limits::Peer, metrics::CONNECTIONS, probes};

/// Most connections at once; one more is told so. About 20 KiB each, so 200 MiB at the bound.
pub const MAX_CONNECTIONS: usize = 10_000;
/// Connections beyond the bound that are being told so, or are asked by a probe; more wait in the kernel's backlog. One takes as long as its
/// head takes to come, some milliseconds as a rule.
const TURNED_AWAY_AT_ONCE: usize = 64;
/// Longest wait for a request's head, idle time between two requests of a connection included.
pub const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time that a peer may take nothing of an answer. Longer than any pause of a network that is still alive.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait, at shutdown, for requests in flight.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// Pause after a failed accept that isn't the peer's fault (no file descriptors left), so that the loop can't spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Bounds of a server.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// See [`MAX_CONNECTIONS`].
    pub max_connections: usize,
    /// See [`HEADER_READ_TIMEOUT`].
    pub header_read_timeout: Duration,
    /// See [`STALL_TIMEOUT`].
    pub stall_timeout: Duration,
    /// See [`DRAIN_TIMEOUT`].
    pub drain_timeout: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            max_connections: MAX_CONNECTIONS,
            header_read_timeout: HEADER_READ_TIMEOUT,
            stall_timeout: STALL_TIMEOUT,
            drain_timeout: DRAIN_TIMEOUT,
        }
    }
}

/// Serves until `shutdown`, then stops accepting, lets requests in flight end, and closes what is left after
/// `drain_timeout`. Connections run on `tracker`. Endless answers must end by themselves at the same token.
///
/// # Errors
/// None today: failed accepts are logged and the loop goes on.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    config: ServerConfig,
    tracker: TaskTracker,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let slots = Arc::new(Semaphore::new(config.max_connections));
    let doors = Arc::new(Semaphore::new(config.max_connections + TURNED_AWAY_AT_ONCE));
    let closed = router.clone().layer(from_fn(turn_away));
    let graceful = GracefulShutdown::new();
    let overdue = CancellationToken::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(config.header_read_timeout);
    while let Some((stream, peer, door)) = accept(&listener, &doors, &shutdown).await {
        let slot = slots.clone().try_acquire_owned().ok();
        let router = if slot.is_some() { &router } else { &closed };
        let service = router
            .clone()
            .map_request(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(Peer(peer.ip()));
                request
            });
        let stream = TokioIo::new(Impatient::new(stream, config.stall_timeout));
        let connection = http
            .keep_alive(slot.is_some())
            .serve_connection(stream, TowerToHyperService::new(service));
        let connection = graceful.watch(connection);
        let overdue = overdue.clone();
        tracker.spawn(async move {
            metrics::gauge!(CONNECTIONS).increment(1);
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                },
                () = overdue.cancelled() => {}
            }
            metrics::gauge!(CONNECTIONS).decrement(1);
            drop((slot, door));
        });
    }
    drop(listener);
    if timeout(config.drain_timeout, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(
            "requests were still running at the end of the drain time: their connections are closed"
        );
        overdue.cancel();
    }
    Ok(())
}

/// Refuses everything but probes: who watches the process must not take a full one for a dead one.
async fn turn_away(uri: Uri, request: Request, next: Next) -> Response {
    if probes::PATHS.contains(&uri.path()) {
        return next.run(request).await;
    }
    overloaded().into_response()
}

/// The next connection, who made it, and its permit; `None` at shutdown.
async fn accept(
    listener: &TcpListener,
    doors: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let door = shutdown
        .run_until_cancelled(doors.clone().acquire_owned())
        .await?;
    let door = door.expect("nobody closes this semaphore");
    loop {
        match shutdown.run_until_cancelled(listener.accept()).await? {
            Ok((stream, peer)) => {
                // Without it, small answers wait for the peer's delayed acknowledgement.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY was refused");
                }
                return Some((stream, peer, door));
            }
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                shutdown.run_until_cancelled(sleep(ACCEPT_PAUSE)).await?;
            }
        }
    }
}

fn is_the_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::Notify,
    };

    use super::*;

    struct Running {
        address: SocketAddr,
        shutdown: CancellationToken,
        tracker: TaskTracker,
        entered: Arc<Notify>,
        go_on: Arc<Notify>,
    }

    async fn start(config: ServerConfig) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (shutdown, tracker) = (CancellationToken::new(), TaskTracker::new());
        let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let gate = (entered.clone(), go_on.clone());
        let large = get(|| async { vec![b'x'; 64 * 1024 * 1024] });
        let router = Router::new()
            .route("/", get(|| async { "quick" }))
            .route("/livez", get(|| async { "alive" }))
            .route("/large", large)
            .route(
                "/slow",
                get(|| async move {
                    gate.0.notify_one();
                    gate.1.notified().await;
                    "slow"
                }),
            );
        let running = Running {
            address: listener.local_addr().unwrap(),
            shutdown: shutdown.clone(),
            tracker: tracker.clone(),
            entered,
            go_on,
        };
        running
            .tracker
            .spawn(serve(listener, router, config, tracker, shutdown));
        running.tracker.close();
        running
    }

    async fn request(address: SocketAddr, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn rest(mut stream: TcpStream) -> String {
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn shutdown_finishes_requests_in_flight_and_closes_idle_connections() {
        let running = start(ServerConfig::default()).await;
        let mut idle = request(running.address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let mut first = [0; 15];
        idle.read_exact(&mut first).await.unwrap();
        let busy = request(running.address, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
        running.entered.notified().await;
        running.shutdown.cancel();
        assert!(
            rest(idle).await.ends_with("quick"),
            "an idle connection ends at once"
        );
        running.go_on.notify_one();
        assert!(
            rest(busy).await.ends_with("slow"),
            "a running request is answered"
        );
        timeout(Duration::from_secs(5), running.tracker.wait())
            .await
            .unwrap();
        assert!(TcpStream::connect(running.address).await.is_err());
    }

    #[tokio::test]
    async fn the_drain_is_bounded() {
        let config = ServerConfig {
            drain_timeout: Duration::from_millis(50),
            ..ServerConfig::default()
        };
        let running = start(config).await;
        let stuck = request(running.address, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
        running.entered.notified().await;
        running.shutdown.cancel();
        timeout(Duration::from_secs(5), running.tracker.wait())
            .await
            .unwrap();
        assert_eq!(rest(stuck).await, "");
    }

    #[tokio::test]
    async fn a_head_that_does_not_come_closes_the_connection() {
        let config = ServerConfig {
            header_read_timeout: Duration::from_millis(50),
            ..ServerConfig::default()
        };
        let running = start(config).await;
        let silent = request(running.address, "GET / HTTP/1.1\r\nHo").await;
        let answer = timeout(Duration::from_secs(5), rest(silent)).await.unwrap();
        assert!(!answer.contains("200 OK"), "{answer}");
        running.shutdown.cancel();
    }

    #[tokio::test]
    async fn beyond_the_bound_probes_are_answered_and_nothing_else() {
        let config = ServerConfig {
            max_connections: 1,
            ..ServerConfig::default()
        };
        let running = start(config).await;
        let ask = async |path| {
            let text = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
            request(running.address, &text).await
        };
        let first = ask("/slow").await;
        running.entered.notified().await;
        // Neither asks for its connection to be closed: the server does it.
        let refused = rest(ask("/").await).await;
        assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
        assert!(refused.contains("retry-after: "), "{refused}");
        assert!(refused.contains("connection: close"), "{refused}");
        assert!(rest(ask("/livez").await).await.ends_with("alive"));
        running.go_on.notify_one();
        running.shutdown.cancel();
        assert!(rest(first).await.ends_with("slow"));
    }

    #[tokio::test]
    async fn a_place_that_became_free_is_taken() {
        let config = ServerConfig {
            max_connections: 1,
            ..ServerConfig::default()
        };
        let running = start(config).await;
        let closing = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let served = async {
            let mut served = 0;
            while served < 3 {
                let answer = rest(request(running.address, closing).await).await;
                served += usize::from(answer.ends_with("quick"));
            }
        };
        timeout(Duration::from_secs(5), served).await.unwrap();
        running.shutdown.cancel();
    }

    #[tokio::test]
    async fn a_peer_that_stops_reading_loses_its_connection() {
        let config = ServerConfig {
            stall_timeout: Duration::from_millis(50),
            ..ServerConfig::default()
        };
        let running = start(config).await;
        let deaf = request(running.address, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await;
        running.shutdown.cancel();
        // Far less than the drain's bound: the stall itself must end it.
        timeout(Duration::from_secs(5), running.tracker.wait())
            .await
            .unwrap();
        drop(deaf);
    }
}
