//! Many open streams: what each takes of the server's memory, and how soon all of them hear of a change.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::super::{
    Size, Streamed,
    crowd::{Meter, Pace, User, number, play, served},
    machine::{Machine, resident_kib},
    report::{Figure, Finding, Report},
    requests::get,
    scene::{Customer, Scene},
};
use crate::driver::{Failure, Histogram, Outcome, Wire};

/// Changes that all streams are to hear of, one after another.
const CHANGES: u64 = 10;
/// How long all may take to hear of one.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked whether all have.
const PAUSE: Duration = Duration::from_millis(5);
/// Bytes taken from a stream at once.
const CHUNK: usize = 16 * 1024;

/// What the streams have heard.
struct Watch {
    /// How news begin.
    news: &'static [u8],
    /// Streams that have begun, by their first event.
    begun: AtomicU64,
    heard: AtomicU64,
    /// When the change that all wait for was sent.
    changed_at: Mutex<Instant>,
    delays: Mutex<Histogram>,
    over: CancellationToken,
    tasks: TaskTracker,
}

struct Viewer {
    wire: Option<Wire>,
    request: Vec<u8>,
    watch: Arc<Watch>,
}

/// Where the streams are, and how to make them tell something.
struct Stage {
    show: String,
    customers: Vec<Customer>,
    paths: Vec<String>,
}

/// Plays it.
pub(in super::super) async fn run(
    scene: &mut Scene,
    size: Size,
    (of, pid): (Streamed, Option<u32>),
) -> anyhow::Result<Report> {
    let stage = Stage::set(scene, size, of).await?;
    let watch = Arc::new(Watch::over(of));
    let viewers = (0..size.users).map(|user| stage.viewer(scene, of, user, &watch));
    let viewers = viewers.collect();
    let before = pid.map(resident_kib).transpose()?;
    let pace = Pace::of(size.rate, size.users as u64);
    let (_, measured) = play(viewers, pace, "streams").await?;
    let opened = size.users as u64;
    reached(&watch.begun, opened).await;
    let begun = watch.begun.load(Ordering::Relaxed);
    let after = pid.map(resident_kib).transpose()?;
    let mut all_heard = 0;
    for change in 0..CHANGES {
        let heard = watch.heard.load(Ordering::Relaxed);
        // From here, since the first may hear of it before its answer is back.
        *lock(&watch.changed_at) = Instant::now();
        stage.change(scene, of, change).await?;
        all_heard += u64::from(reached(&watch.heard, heard + begun).await);
    }
    watch.over.cancel();
    watch.tasks.close();
    watch.tasks.wait().await;
    Ok(Report {
        scenario: "streams",
        users: size.users,
        connections: size.users,
        machine: Machine::here(),
        figures: figures(&lock(&watch.delays), before.zip(after), begun),
        checks: vec![
            Finding::same("streams that have begun", &opened, &begun),
            Finding::same("changes that all of them heard of", &CHANGES, &all_heard),
        ],
        goals: Vec::new(),
        measured,
        steps: Vec::new(),
    })
}

/// How soon changes are heard of, and what a stream takes.
fn figures(delays: &Histogram, memory: Option<(u64, u64)>, begun: u64) -> Vec<Figure> {
    let ms = |per_mille| delays.percentile(per_mille).as_secs_f64() * 1_000.0;
    let figure = |what, value, unit| Figure { what, value, unit };
    let last = delays.max().as_secs_f64() * 1_000.0;
    let mut figures = vec![
        figure("a change reaches half of the streams within", ms(500), "ms"),
        figure("99 % of them within", ms(990), "ms"),
        figure("the last one within", last, "ms"),
    ];
    if let Some((before, after)) = memory {
        let [before, after] = [before, after].map(number);
        let each = (after - before) / number(begun.max(1));
        figures.extend([
            figure("memory of the server before", before / 1_024.0, "MiB"),
            figure("with all streams open", after / 1_024.0, "MiB"),
            figure("memory of a stream", each, "KiB"),
        ]);
    }
    figures
}

impl Stage {
    /// The so-manieth who opens a stream.
    fn viewer(&self, scene: &Scene, of: Streamed, user: usize, watch: &Arc<Watch>) -> Viewer {
        let host = match of {
            Streamed::Seats => scene.queries[user % scene.queries.len()],
            Streamed::Queue => scene.commands,
        };
        let bearer = &self.customers[user % self.customers.len()].bearer;
        let path = &self.paths[user % self.paths.len()];
        Viewer {
            wire: Some(Wire::new(host)),
            request: get(host, path, &[("authorization", bearer)]),
            watch: watch.clone(),
        }
    }

    async fn set(scene: &mut Scene, size: Size, of: Streamed) -> anyhow::Result<Self> {
        match of {
            Streamed::Seats => {
                let show = scene.show().await?;
                Ok(Self {
                    paths: vec![format!("/v1/shows/{show}/seats/stream")],
                    customers: scene.customers(1),
                    show,
                })
            }
            Streamed::Queue => {
                let show = scene.queued_show().await?;
                let customers = scene.customers(size.users);
                let entries = scene.enter(&show, &customers).await?;
                let path = |entry| format!("/v1/waiting-room/{show}/entries/{entry}/stream");
                Ok(Self {
                    paths: entries.into_iter().map(path).collect(),
                    customers,
                    show,
                })
            }
        }
    }

    /// Changes what all streams tell of.
    async fn change(&self, scene: &Scene, of: Streamed, n: u64) -> anyhow::Result<Value> {
        match of {
            Streamed::Seats => {
                let seat = usize::try_from(n)? % scene.seats.len();
                let wish = json!({"show_id": self.show, "seats": [scene.seats[seat]]});
                let customer = &self.customers[0];
                scene.post_as(customer, "/v1/reservations", &wish).await
            }
            Streamed::Queue => {
                let what = if n.is_multiple_of(2) {
                    "pause"
                } else {
                    "resume"
                };
                let path = format!("/v1/waiting-room/{}/{what}", self.show);
                scene.post(&path, &json!({})).await
            }
        }
    }
}

impl User for Viewer {
    async fn act(&mut self, meter: &Meter, _: u64, intended: Instant) -> bool {
        let Some(wire) = self.wire.take() else {
            return false;
        };
        let outcome = match wire.follow(&self.request).await {
            Ok((stream, first)) => {
                let watch = self.watch.clone();
                self.watch.tasks.spawn(watch.follow(stream, first));
                Outcome::Done
            }
            Err(Failure::NotSent(why) | Failure::Unknown(why)) => Outcome::Failed(why),
        };
        meter.count("open", intended, &outcome);
        served(&outcome)
    }
}

impl Watch {
    fn over(of: Streamed) -> Self {
        Self {
            news: match of {
                Streamed::Seats => b"event: seats",
                Streamed::Queue => b"event: entry",
            },
            begun: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            changed_at: Mutex::new(Instant::now()),
            delays: Mutex::default(),
            over: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// Reads a stream until everything is over. Nothing of it is kept: the streams of a browser are not kept in one process.
    async fn follow(self: Arc<Self>, stream: TcpStream, first: Vec<u8>) {
        let mut has_begun = self.take(&first, false);
        drop(first);
        let over = self.over.clone();
        let read = async {
            while stream.readable().await.is_ok() {
                let mut chunk = [0; CHUNK];
                match stream.try_read(&mut chunk) {
                    Ok(0) => return,
                    Ok(read) => has_begun = self.take(&chunk[..read], has_begun),
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    Err(_) => return,
                }
            }
        };
        over.run_until_cancelled(read).await;
    }

    /// Looks at what came; whether the stream has begun. Its first event is how everything stands, the next ones are news.
    fn take(&self, chunk: &[u8], has_begun: bool) -> bool {
        if !has_begun {
            let begins = contains(chunk, b"event: ");
            self.begun.fetch_add(u64::from(begins), Ordering::Relaxed);
            return begins;
        }
        if contains(chunk, self.news) {
            lock(&self.delays).record(lock(&self.changed_at).elapsed());
            self.heard.fetch_add(1, Ordering::Relaxed);
        }
        true
    }
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|part| part == wanted)
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().expect("no holder of this lock can panic")
}

/// Whether a counter comes to so much in time.
async fn reached(counter: &AtomicU64, wanted: u64) -> bool {
    let wait = async {
        while counter.load(Ordering::Relaxed) < wanted {
            sleep(PAUSE).await;
        }
    };
    timeout(PATIENCE, wait).await.is_ok()
}
