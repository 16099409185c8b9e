//! How long after its 201 a command shows on a replica: `cargo bench -p frontrow --bench visible`.
//!
//! ```text
//!  command API ─▶ log ═▶ standby │ relay ─▶ Kafka ─▶ projections ─▶ read model ─▶ replica ─▶ query API
//!              201 ├───────────────────────────── measured ─────────────────────────────────────────┤ first read that shows it
//! ```
//!
//! Starts every role and every server for itself. Customers charge points and hold seats, open loop; one command in a hundred is watched from
//! its answer on: read on the query API that asks the replica, without `At-Least-Position`, every 2 ms.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

#[path = "../tests/faults/stage.rs"]
#[expect(dead_code, reason = "faults hand a stage on; a benchmark needs one")]
mod stage;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use edge::auth::{Principal, Role, Signer};
use event_store::{Clock, SystemClock};
use frontrow::driver::{Call, Connections, Histogram, Schedule, address, open_loop};
use hyper::{
    StatusCode,
    header::{HeaderName, HeaderValue, InvalidHeaderValue},
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// Commands a second: the rate of the goal.
const RATE: usize = 500;
/// How long commands are sent before any is watched, and while they are. The broker needs its time until its code is compiled.
const WARM_UP: Duration = Duration::from_mins(2);
const SPAN: Duration = Duration::from_mins(1);
/// One command of so many is watched: the reads share the machine with what is measured.
const WATCHED: usize = 100;
/// Pause between two reads.
const POLL: Duration = Duration::from_millis(2);
/// A command that does not show within this time counts as never shown.
const GIVE_UP: Duration = Duration::from_secs(10);
/// Rows of each hall, seats of a row, and halls: more seats than are held.
const HALL: (u32, u32) = (50, 60);
const SHOWS: usize = 16;
/// Where a command on a show is to be sent.
const SHOW_ID: HeaderName = HeaderName::from_static("show-id");
/// The goals.
const P50: Duration = Duration::from_millis(50);
const P99: Duration = Duration::from_millis(250);

/// What commands are sent with.
struct Crowd {
    commands: Arc<Connections>,
    queries: Arc<Connections>,
    signer: Signer,
    shows: Vec<String>,
    answered: Mutex<Histogram>,
    charges: Mutex<Histogram>,
    holds: Mutex<Histogram>,
    failed: AtomicUsize,
}

#[tokio::main]
async fn main() {
    let Some(stage) = stage::Stage::set("the visibility benchmark").await else {
        println!("a server is not installed: tests/run installs them");
        return;
    };
    let (cluster, servers) = (&stage.cluster, &stage.servers);
    for server in [
        &servers.log,
        &servers.log_standby,
        &servers.read_model,
        &servers.replica,
    ] {
        println!("{}", server.describe());
    }
    println!("{}", servers.kafka.describe());
    let connections = |url: &str| Connections::new(address(url).unwrap(), 256);
    let mut crowd = Crowd {
        commands: connections(&cluster.command_url()),
        queries: connections(&cluster.url_of("query-api-2")),
        signer: Signer::read(&cluster.key()).unwrap(),
        shows: Vec::new(),
        answered: Mutex::default(),
        charges: Mutex::default(),
        holds: Mutex::default(),
        failed: AtomicUsize::new(0),
    };
    crowd.open_shows().await;
    let crowd = Arc::new(crowd);
    let tasks = TaskTracker::new();
    let window = WARM_UP + SPAN;
    let count = RATE * usize::try_from(window.as_secs()).unwrap();
    let warm = RATE * usize::try_from(WARM_UP.as_secs()).unwrap();
    let start = Instant::now();
    open_loop(
        Schedule::even(count, window),
        start,
        &tasks,
        |n, intended| {
            let crowd = Arc::clone(&crowd);
            async move { crowd.command(n, intended, n >= warm).await }
        },
    )
    .await;
    tasks.close();
    tasks.wait().await;
    crowd.report(count);
    cluster.check().await;
}

impl Crowd {
    async fn open_shows(&mut self) {
        let organizer = self.bearer(Role::Organizer, Uuid::now_v7());
        let post = async |path: &str, body: &Value| {
            let call = Call::post(path, body).authorized(organizer.clone());
            let reply = self.commands.send(call).await.unwrap();
            let body: Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!(reply.status, StatusCode::CREATED, "{path}: {body}");
            body
        };
        let venue = post(
            "/v1/venues",
            &json!({"name": "Field", "seating_plan": hall()}),
        )
        .await;
        let concert = post(
            "/v1/concerts",
            &json!({"title": "Storm", "artist": "The Band"}),
        )
        .await;
        let now = SystemClock.now();
        let show = json!({"concert_id": concert["concert_id"], "venue_id": venue["venue_id"], "starts_at": now + TimeDelta::days(9),
            "on_sale_at": now - TimeDelta::seconds(5), "prices": {"Stalls": 10}, "hold_seconds": 3_600});
        let mut shows = Vec::new();
        for _ in 0..SHOWS {
            let show = post("/v1/shows", &show).await;
            shows.push(show["show_id"].as_str().unwrap().to_owned());
        }
        self.shows = shows;
    }

    /// Sends the `n`th command, of a customer of its own; where it is watched, waits until it shows.
    async fn command(&self, n: usize, intended: Instant, counts: bool) {
        let customer = self.bearer(Role::Customer, Uuid::now_v7());
        let charges = n.is_multiple_of(2);
        let call = if charges {
            Call::post("/v1/points/charges", &json!({"amount": 10}))
        } else {
            let best = json!({"category": "Stalls", "quantity": 1, "adjacent": true});
            let show = &self.shows[n / 2 % self.shows.len()];
            let wish = json!({"show_id": show, "best_available": best});
            // As clients do: the proxy sends the commands on one show to one command API.
            let hint = HeaderValue::from_str(show).unwrap();
            Call::post("/v1/reservations", &wish).header(SHOW_ID, hint)
        };
        let call = call.authorized(customer.clone()).keyed(Uuid::now_v7());
        let reply = self.commands.send(call).await;
        let answered = Instant::now();
        let Some(reply) = reply
            .ok()
            .filter(|reply| reply.status == StatusCode::CREATED)
        else {
            self.failed.fetch_add(1, Ordering::Relaxed);
            return;
        };
        if counts {
            self.answered.lock().unwrap().record(answered - intended);
        }
        // Two neighbours, one of each kind.
        if !counts || !(n / 2).is_multiple_of(WATCHED) {
            return;
        }
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        let (path, delays) = if charges {
            ("/v1/me/points".to_owned(), &self.charges)
        } else {
            let id = body["reservation_id"].as_str().unwrap();
            (format!("/v1/reservations/{id}"), &self.holds)
        };
        let read = Call::get(path).authorized(customer);
        let shown = timeout(GIVE_UP, self.until_shown(read)).await;
        match shown {
            Ok(()) => delays.lock().unwrap().record(answered.elapsed()),
            Err(_) => drop(self.failed.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// Reads until there is something to read: nobody but the command made it.
    async fn until_shown(&self, read: Call) {
        loop {
            let reply = self.queries.send(read.clone()).await;
            if reply.is_ok_and(|reply| reply.status == StatusCode::OK && shows(&reply.body)) {
                return;
            }
            sleep(POLL).await;
        }
    }

    fn bearer(&self, role: Role, id: Uuid) -> HeaderValue {
        let principal = Principal { id, role };
        let token = self
            .signer
            .issue(principal, SystemClock.now(), Duration::from_hours(2));
        let header: Result<_, InvalidHeaderValue> = format!("Bearer {token}").parse();
        header.unwrap()
    }

    fn report(&self, sent: usize) {
        let (span, failed) = (SPAN.as_secs(), self.failed.load(Ordering::Relaxed));
        println!("{RATE} commands/s for {span} s, {sent} sent, {failed} failed");
        let mut both = Histogram::default();
        for (name, delays) in [("charge", &self.charges), ("hold", &self.holds)] {
            let delays = delays.lock().unwrap();
            print(&format!("{name}: 201 to replica"), &delays);
            both.merge(&delays);
        }
        print("intended time to 201", &self.answered.lock().unwrap());
        print("201 to replica", &both);
        // A command that is refused shows nothing, and costs less.
        let reached = failed == 0 && both.percentile(500) <= P50 && both.percentile(990) <= P99;
        let verdict = if reached { "reached" } else { "MISSED" };
        println!(
            "goal p50 {} ms, p99 {} ms: {verdict}",
            P50.as_millis(),
            P99.as_millis()
        );
    }
}

/// Whether a customer's points, or a reservation, are those of the command: an account that nobody charged has none.
fn shows(body: &[u8]) -> bool {
    let body: Value = serde_json::from_slice(body).unwrap();
    body["balance"].as_i64().is_none_or(|balance| balance > 0)
}

fn print(name: &str, delays: &Histogram) {
    let ms = |per_mille| delays.percentile(per_mille).as_secs_f64() * 1_000.0;
    println!(
        "  {name:<24} {:>6} watched   p50 {:>7.1} ms   p95 {:>7.1}   p99 {:>7.1}   max {:>7.1}",
        delays.count(),
        ms(500),
        ms(950),
        ms(990),
        delays.max().as_secs_f64() * 1_000.0
    );
}

/// One zone, one category.
fn hall() -> Value {
    let (rows, seats) = HALL;
    let row = |row: u32| {
        let seat = |n: u32| {
            json!({"seat_guid": format!("A-{row}-{n}"), "seat_number": n.to_string(),
                "position": {"x": n * 10, "y": 0}, "category": "Stalls"})
        };
        json!({"row_number": row.to_string(), "position": {"x": 0, "y": row * 10},
            "seats": (1..=seats).map(seat).collect::<Vec<_>>()})
    };
    json!({"name": "Field", "size": {"width": seats * 10, "height": rows * 10},
        "categories": [{"name": "Stalls", "color": "#000"}],
        "zones": [{"name": "A", "zone_id": "A", "position": {"x": 0, "y": 0}, "rows": (1..=rows).map(row).collect::<Vec<_>>()}]})
}
