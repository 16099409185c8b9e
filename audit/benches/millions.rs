//! The audit at two million events: how fast the log is checked, a seat's history told, a position proven, a map shown as it was.
//!
//! `cargo bench -p audit --bench millions` makes the log on SQLite; `FRONTROW_BENCH_LOG=postgres://...` on an empty Postgres instead, and
//! `FRONTROW_BENCH_SHOWS` says how many shows there are besides the large one. What each line is measured against, SQL alone reads in the
//! same run, from the same file: a machine's speed, and what others do on it, is in both.

mod scene;

use std::{env, path::Path, sync::Arc, time::Instant};

use audit::{
    as_of::{Moment, seat_map},
    history::{Sources, Subject, history},
    seals::{
        copies::Copies,
        note::SealingKey,
        proof::{prove, verify},
        sealer::Sealer,
    },
    verify::{Deps, Options},
};
use event_store::{EventLog, clock::ManualClock, log, refusals, seals};
use read_model::{Access, SqliteReadModel};
use sqlx::{Connection, SqliteConnection};
use uuid::Uuid;

use self::scene::{Purchase, Show, Writer, folder, guid, sell_out, start};

/// Shows besides the large one, each with as many seats: six events a seat.
const SHOWS: usize = 300;
const SEATS: u64 = 1_000;
/// Seats of the large show: each is held, runs out, is held again and sold, so that its stream has four times as many events.
const LARGE: u64 = 25_000;
/// Customers whose commands one append has.
const CROWD: u64 = 100;
/// Times that a question is asked: the one in the middle is told, and the last.
const RUNS: usize = 9;

/// A large show, whose stream has a hundred thousand events.
async fn large_show(writer: &mut Writer) -> Uuid {
    let mut show = Show::schedule(writer, LARGE).await;
    for first in (0..LARGE).step_by(usize::try_from(CROWD).unwrap_or(usize::MAX)) {
        let seats = first..LARGE.min(first + CROWD);
        let late: Vec<_> = seats.clone().map(Purchase::new).collect();
        show.hold(&late, writer);
        writer.flush().await;
        show.expire(&late, writer);
        writer.flush().await;
        let mut bought: Vec<_> = seats.map(Purchase::new).collect();
        show.hold(&bought, writer);
        for purchase in &mut bought {
            purchase.charge(writer);
        }
        writer.flush().await;
        for purchase in &mut bought {
            purchase.pay(&show, writer);
        }
        show.confirm(&bought, writer);
        writer.flush().await;
        for purchase in &mut bought {
            purchase.complete(&show, writer);
        }
        writer.flush().await;
    }
    show.id
}

/// SQL alone, on a connection of its own: what the questions are measured against. SQLite only.
struct Yardstick(Option<SqliteConnection>);

impl Yardstick {
    async fn open(url: &str) -> Self {
        let Some(path) = url.strip_prefix("sqlite:") else {
            return Self(None);
        };
        let connection = SqliteConnection::connect(path).await;
        Self(Some(connection.expect("the file opens")))
    }

    /// Seconds that the statement takes, each row of it fetched.
    async fn seconds(&mut self, statement: &'static str, key: &str) -> Option<f64> {
        let connection = self.0.as_mut()?;
        let begin = Instant::now();
        let mut after = 0_i64;
        loop {
            let rows = sqlx::query(statement)
                .bind(key.to_owned())
                .bind(after)
                .fetch_all(&mut *connection)
                .await
                .expect("the statement runs");
            let Some(last) = rows.last() else { break };
            after = sqlx::Row::get(last, 0);
        }
        Some(begin.elapsed().as_secs_f64())
    }
}

const ALL_ROWS: &str = "SELECT position, shard, epoch, aggregate_type, aggregate_id, sequence, event_id, command_id, routing_key, \
     event_type, event_version, payload, metadata, recorded_at FROM events WHERE position > ?2 AND ?1 <> 'none' ORDER BY position LIMIT 4096";
const ROWS_OF_SHOW: &str = "SELECT sequence, position, shard, epoch, aggregate_type, aggregate_id, event_id, command_id, routing_key, \
     event_type, event_version, payload, metadata, recorded_at FROM events \
     WHERE aggregate_type = 'show' AND aggregate_id = ?1 AND sequence > ?2 ORDER BY sequence LIMIT 2000";

/// A line of the result.
#[expect(clippy::print_stdout, reason = "a benchmark's result")]
fn tell(what: &str, result: &str, yardstick: Option<(f64, f64)>) {
    let against = yardstick.map(|(took, sql)| {
        let (sql_ms, ratio) = (sql * 1e3, took / sql);
        format!("  ({ratio:.2} times SQL alone, {sql_ms:.1} ms)")
    });
    println!("{what:<44} {result}{}", against.unwrap_or_default());
}

#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn rate(events: u64, seconds: f64) -> f64 {
    events as f64 / seconds
}

/// The middle and the longest of several durations.
fn middle(mut seconds: Vec<f64>) -> (f64, f64) {
    seconds.sort_by(f64::total_cmp);
    let longest = seconds.last().copied().unwrap_or_default();
    (
        seconds.get(seconds.len() / 2).copied().unwrap_or_default(),
        longest,
    )
}

async fn check(deps: &Deps, events: u64, sql: &mut Yardstick) {
    for _ in 0..2 {
        let bare = sql.seconds(ALL_ROWS, "").await;
        let begin = Instant::now();
        let report = audit::verify(deps, &Options::at(start()), |_| {}).await;
        let seconds = begin.elapsed().as_secs_f64();
        let report = report.expect("the log can be checked");
        assert!(report.is_clean(), "{report}");
        let result = format!("{:>9.0} events/s", rate(events, seconds));
        tell(
            "verify, the log's checks",
            &result,
            bare.map(|bare| (seconds, bare)),
        );
    }
}

async fn tell_history(
    sources: Sources<'_>,
    (what, show): (&str, Uuid),
    seats: u64,
    sql: &mut Yardstick,
) {
    let mut took = Vec::new();
    for run in 0..RUNS as u64 {
        let guid = guid((run * 7_919) % seats);
        let begin = Instant::now();
        let told = history(sources, &Subject::Seat { show, guid }, 0, 1_000).await;
        took.push(begin.elapsed().as_secs_f64());
        let told = told.expect("the history can be told");
        assert!(told.items.len() >= 6, "{told:?}");
    }
    let bare = sql.seconds(ROWS_OF_SHOW, &show.to_string()).await;
    let (middle, longest) = middle(took);
    let result = format!("{:>9.1} ms, at most {:.1}", middle * 1e3, longest * 1e3);
    tell(what, &result, bare.map(|bare| (middle, bare)));
}

async fn show_as_of(
    log: &dyn EventLog,
    show: Uuid,
    moment: Moment,
    what: &str,
    sql: &mut Yardstick,
) {
    let mut took = Vec::new();
    for _ in 0..3 {
        let begin = Instant::now();
        let map = seat_map(log, show, moment).await;
        took.push(begin.elapsed().as_secs_f64());
        assert!(map.expect("the log can be read").is_some());
    }
    let bare = sql.seconds(ROWS_OF_SHOW, &show.to_string()).await;
    let (middle, longest) = middle(took);
    let result = format!("{middle:>9.3} s, at most {longest:.3}");
    tell(what, &result, bare.map(|bare| (middle, bare)));
}

async fn seal_and_prove(log: &Arc<dyn EventLog>, url: &str, folder: &Path, events: u64) {
    let seals = seals::open(url, log::postgres::Options::default()).await;
    let key = SealingKey::open(&folder.join("sealing.pem"), "bench/log");
    let sealer = Sealer {
        log: log.clone(),
        seals: seals.expect("the seals open"),
        key: Arc::new(key.expect("a new key is made")),
        replaced: Vec::new(),
        copies: Copies::new(folder.join("heads.ndjson")),
        clock: Arc::new(ManualClock::new(start())),
    };
    let begin = Instant::now();
    sealer
        .everything(|_, _| {})
        .await
        .expect("the log can be sealed");
    let seconds = begin.elapsed().as_secs_f64();
    tell(
        "seal",
        &format!("{:>9.0} events/s", rate(events, seconds)),
        None,
    );
    let (mut took, key) = (Vec::new(), sealer.key.verification());
    for run in 0..100_u64 {
        let position = (run * 1_000_003) % events + 1;
        let begin = Instant::now();
        let proof = prove(&**log, &*sealer.seals, key, position).await;
        took.push(begin.elapsed().as_secs_f64());
        let proof = proof.expect("the event can be proven");
        verify(&proof, std::slice::from_ref(key)).expect("the proof holds");
    }
    let (middle, longest) = middle(took);
    tell(
        "proof of a position",
        &format!("{:>9.2} ms, at most {:.2}", middle * 1e3, longest * 1e3),
        None,
    );
}

#[tokio::main]
async fn main() {
    let folder = folder();
    let own = format!("sqlite:{}", folder.join("log.db").display());
    let url = env::var("FRONTROW_BENCH_LOG").unwrap_or(own);
    let shows =
        env::var("FRONTROW_BENCH_SHOWS").map_or(SHOWS, |shows| shows.parse().expect("a number"));
    let log = log::open(&url).await.expect("a new log opens");
    assert_eq!(
        log.head().await.expect("it can be read").position.0,
        0,
        "an empty log"
    );
    let begin = Instant::now();
    let mut writer = Writer::new(log.clone());
    let sold = sell_out(&mut writer, shows, SEATS).await;
    let large = large_show(&mut writer).await;
    let (events, seconds) = (writer.events, begin.elapsed().as_secs_f64());
    let result = format!("{:>9.0} events/s, {events} events", rate(events, seconds));
    tell("the log was written", &result, None);
    let mut sql = Yardstick::open(&url).await;
    let deps = Deps {
        log: log.clone(),
        read_model: None,
        partition_of: None,
        bus: None,
    };
    check(&deps, events, &mut sql).await;
    let path = folder.join("read-model.db");
    let path = path
        .to_str()
        .expect("the temporary folder has a plain name");
    let model = SqliteReadModel::open(path, Access::ReadWrite).await;
    let model = model.expect("a new read model opens");
    let small = sold.first().expect("there are shows").id;
    let refusals = refusals::open(&url, log::postgres::Options::default()).await;
    let refusals = refusals.expect("the refusals open");
    let sources = Sources {
        log: &*log,
        model: &model,
        refusals: &*refusals,
    };
    tell_history(
        sources,
        ("history of a seat, stream of 2,000 events", small),
        SEATS,
        &mut sql,
    )
    .await;
    tell_history(
        sources,
        ("history of a seat, stream of 100,000 events", large),
        LARGE,
        &mut sql,
    )
    .await;
    let half = Moment::Position(events - 100_000);
    for (what, moment) in [
        ("map as of now, stream of 100,000 events", Moment::NOW),
        ("map as of half way, the same stream", half),
    ] {
        show_as_of(&*log, large, moment, what, &mut sql).await;
    }
    seal_and_prove(&log, &url, &folder, events).await;
    log.close().await;
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
}
