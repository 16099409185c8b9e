//! What becomes of a server that is asked for three times what it can do, and how soon it is itself again: `cargo bench --bench overload`.
//!
//! ```text
//!  closed loop ─▶ capacity │ open loop, 3 × capacity, 60 s │ open loop, 0.7 × capacity, 60 s
//!                                                          ├── until 95 % are served in time ──┤
//! ```
//!
//! One embedded server; customers charge points. A call is good if its 201 comes within the patience of a person; whoever has waited longer
//! gives up and closes the connection, which leaves the server with work that nobody wants: that is how an overload outlives its cause.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use edge::auth::Role;
use frontrow::{
    app::{App, AppConfig},
    config::{Overrides, Settings},
    data_folder::TemporaryFolder,
    driver::{Call, Connections, Histogram, Outcome, Schedule, open_loop},
};
use hyper::header::HeaderValue;
use serde_json::json;
use tokio::{
    runtime::Runtime,
    time::{Instant, timeout_at},
};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// Customers, each with an account of its own.
const CUSTOMERS: usize = 2_000;
/// Connections of all clients together: more than the server answers requests at a time.
const CONNECTIONS: usize = 9_000;
/// Clients of the closed loop, and how long they ask: the first part warms up, the second is measured.
const CLOSED: usize = 256;
const WARM_UP: Duration = Duration::from_secs(5);
const MEASURE: Duration = Duration::from_secs(10);
/// How long the server is overloaded, and how long it has to recover.
const PHASE: Duration = Duration::from_mins(1);
/// A client that has waited so long gives up.
const PATIENCE: Duration = Duration::from_secs(2);
/// Seconds of one line of figures.
const LINE: usize = 5;
/// Recovered: so many seconds in a row with 95 % good.
const IN_A_ROW: usize = 3;
/// The goal.
const RECOVERED_WITHIN: usize = 30;

/// What became of the calls that were due in one second.
#[derive(Debug, Default)]
struct Second {
    good: AtomicU64,
    shed: AtomicU64,
    given_up: AtomicU64,
    other: AtomicU64,
    latencies: Mutex<Histogram>,
}

/// Everybody who asks.
struct Crowd {
    connections: Arc<Connections>,
    customers: Vec<HeaderValue>,
}

fn main() {
    // Each its own threads: the crowd is not to wait for the server's turn, nor the server for the crowd's.
    let (server, clients) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let folder = TemporaryFolder::new().unwrap();
    // The bounds can be varied by the environment: FRONTROW__SERVER__MAX_REQUESTS_IN_FLIGHT.
    let mut settings = Settings::load(Overrides::default()).unwrap();
    settings.server.listen = ([127, 0, 0, 1], 0).into();
    settings.server.data = folder.path().into();
    settings.server.demo_catalogue = false;
    println!(
        "at most {} requests in flight, {CONNECTIONS} connections of clients, {} s of patience",
        settings.server.max_requests_in_flight,
        PATIENCE.as_secs()
    );
    let app = server
        .block_on(App::start(AppConfig::new(settings)))
        .unwrap();
    let customers = (0..CUSTOMERS).map(|_| {
        let token = app.token(Role::Customer, Uuid::now_v7()).unwrap();
        HeaderValue::from_str(&format!("Bearer {token}")).unwrap()
    });
    let crowd = Arc::new(Crowd {
        connections: Connections::new(app.addr(), CONNECTIONS),
        customers: customers.collect(),
    });
    clients.block_on(play(crowd));
    drop(clients);
    server.block_on(app.shutdown()).unwrap();
}

async fn play(crowd: Arc<Crowd>) {
    let capacity = capacity(&crowd).await;
    println!("capacity: {capacity} commands/s");
    phase(&crowd, "3 x capacity", 3 * capacity).await;
    let offered = capacity * 7 / 10;
    let seconds = phase(&crowd, "0.7 x capacity", offered).await;
    let is_good = |second: &Second| {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let bad = count(&second.shed) + count(&second.given_up) + count(&second.other);
        let good = count(&second.good);
        good > 0 && 20 * good >= 19 * (good + bad)
    };
    let recovered = seconds
        .windows(IN_A_ROW)
        .position(|row| row.iter().all(is_good));
    match recovered {
        Some(after) if after <= RECOVERED_WITHIN => println!("recovered after {after} s: reached"),
        Some(after) => println!("recovered after {after} s: MISSED"),
        None => println!("did not recover: MISSED"),
    }
}

/// Commands a second that are served while each client waits for its answer.
async fn capacity(crowd: &Arc<Crowd>) -> usize {
    let (begin, served) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let tasks = TaskTracker::new();
    for client in 0..CLOSED {
        let (crowd, served) = (Arc::clone(crowd), Arc::clone(&served));
        tasks.spawn(async move {
            for n in 0.. {
                if begin.elapsed() > WARM_UP + MEASURE {
                    return;
                }
                let answer = crowd.connections.send(crowd.charge(client + n * CLOSED));
                let is_created = Outcome::of(&answer.await) == Outcome::Created;
                if is_created && begin.elapsed() > WARM_UP {
                    served.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    tasks.close();
    tasks.wait().await;
    let served = served.load(Ordering::Relaxed) / MEASURE.as_secs();
    usize::try_from(served).unwrap()
}

/// Sends `rate` calls a second, whatever becomes of them; prints it as it goes, and answers with it, second by second.
async fn phase(crowd: &Arc<Crowd>, name: &str, rate: usize) -> Arc<Vec<Second>> {
    let length = usize::try_from(PHASE.as_secs()).unwrap();
    // The mean rate is kept, not the last arrival's second.
    let seconds: Vec<_> = (0..2 * length).map(|_| Second::default()).collect();
    let (seconds, tasks, start) = (Arc::new(seconds), TaskTracker::new(), Instant::now());
    println!("{name}: {rate}/s offered for {length} s");
    let schedule = Schedule::random(rate * length, PHASE, 7);
    let send = open_loop(schedule, start, &tasks, |n, due| {
        let (crowd, seconds) = (Arc::clone(crowd), Arc::clone(&seconds));
        async move {
            let second = (due - start).as_secs();
            let second = &seconds[usize::try_from(second).unwrap().min(seconds.len() - 1)];
            crowd.call(n, due, second).await;
        }
    });
    let print = async {
        for line in 0..length / LINE {
            // By then everybody who was due has an answer, or has given up.
            let end = u32::try_from((line + 1) * LINE).unwrap();
            tokio::time::sleep_until(start + Duration::from_secs(1) * end + PATIENCE).await;
            report(line, &seconds[line * LINE..(line + 1) * LINE]);
        }
    };
    tokio::join!(send, print);
    tasks.close();
    tasks.wait().await;
    seconds
}

impl Crowd {
    fn charge(&self, n: usize) -> Call {
        let customer = &self.customers[n % self.customers.len()];
        Call::post("/v1/points/charges", &json!({"amount": 10}))
            .authorized(customer.clone())
            .keyed(Uuid::now_v7())
    }

    async fn call(&self, n: usize, due: Instant, second: &Second) {
        let answer = timeout_at(due + PATIENCE, self.connections.send(self.charge(n))).await;
        let counter = match answer.as_ref().map(Outcome::of) {
            Err(_) => &second.given_up,
            Ok(Outcome::Created) => {
                second.latencies.lock().unwrap().record(due.elapsed());
                &second.good
            }
            Ok(Outcome::Failed(code)) if code == "overloaded" => &second.shed,
            Ok(_) => &second.other,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

fn report(line: usize, seconds: &[Second]) {
    let rate = |counter: fn(&Second) -> &AtomicU64| {
        let counters = seconds.iter().map(counter);
        let sum: u64 = counters.map(|count| count.load(Ordering::Relaxed)).sum();
        sum / seconds.len() as u64
    };
    let mut latencies = Histogram::default();
    for second in seconds {
        latencies.merge(&second.latencies.lock().unwrap());
    }
    println!(
        "  {:>3} s   good {:>6}/s   503 {:>6}/s   given up {:>6}/s   other {:>6}/s   good ones p50 {:>6.0} ms   p99 {:>6.0} ms",
        (line + 1) * LINE,
        rate(|second| &second.good),
        rate(|second| &second.shed),
        rate(|second| &second.given_up),
        rate(|second| &second.other),
        latencies.percentile(500).as_secs_f64() * 1_000.0,
        latencies.percentile(990).as_secs_f64() * 1_000.0,
    );
}
