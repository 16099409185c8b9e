//! The log on Postgres, beside stock postgres-es and beside bare inserts, in turns on one server.

mod raw;
mod server;
mod stock;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use event_store::{
    EventLog,
    log::{PostgresEventLog, postgres::Options},
};

use self::{
    raw::Rows,
    server::{Database, Server},
};
use crate::{
    AGGREGATES, committer, executor, median, read,
    workload::{Rate, Workload},
};

/// How long each measurement lasts.
const SPAN: Duration = Duration::from_secs(2);

const ROUNDS: usize = 3;
const CALLERS: [usize; 4] = [1, 64, 256, 1_024];
const CONFLICTS: [u64; 3] = [0, 1, 10];

/// Appends per second with 64 callers over commands per second of stock postgres-es.
const STOCK_GOAL: f64 = 7.0;

/// Events per second of mixed appends with 256 callers over rows per second of the bare insert, in percent.
const RAW_GOAL: f64 = 45.0;

/// Figures by name, one for each round.
#[derive(Default)]
struct Figures(BTreeMap<String, Vec<f64>>);

impl Figures {
    fn note(&mut self, name: impl Into<String>, value: f64) {
        self.0.entry(name.into()).or_default().push(value);
    }

    /// The median of the rounds' ratios.
    fn ratio(&self, of: &str, to: &str) -> f64 {
        let pairs = self.0[of].iter().zip(&self.0[to]);
        median(pairs.map(|(of, to)| of / to).collect())
    }

    fn print(&self) {
        for (name, rounds) in &self.0 {
            let all: Vec<_> = rounds.iter().map(|rate| format!("{rate:.0}")).collect();
            println!(
                "  {name:<58} {:>9.0}  [{}]",
                median(rounds.clone()),
                all.join(", ")
            );
        }
    }
}

pub(crate) async fn run() {
    let Some(server) = Server::start().await else {
        return;
    };
    println!("Postgres: {}", server.describe().await);
    let mut figures = Figures::default();
    for round in 1..=ROUNDS {
        println!("  round {round} of {ROUNDS}");
        against_stock(&server, &mut figures).await;
        against_raw(&server, &mut figures).await;
        grid(&server, &mut figures).await;
    }
    aside(&server, &mut figures).await;
    figures.print();
    verdict(&figures);
}

/// The comparison with postgres-es alone.
pub(crate) async fn run_against_stock() {
    let Some(server) = Server::start().await else {
        return;
    };
    println!("Postgres: {}", server.describe().await);
    let mut figures = Figures::default();
    for _ in 0..ROUNDS {
        against_stock(&server, &mut figures).await;
    }
    figures.print();
    to_stock(&figures);
}

async fn open(database: &Database<'_>) -> Arc<dyn EventLog> {
    let log = PostgresEventLog::open(&database.url, Options::default()).await;
    Arc::new(log.unwrap())
}

async fn appended(server: &Server, workload: Workload, callers: usize) -> Rate {
    let database = server.database().await;
    let rate = committer::rate(open(&database).await, workload, callers, SPAN).await;
    database.drop().await;
    rate
}

async fn against_stock(server: &Server, figures: &mut Figures) {
    for callers in CALLERS {
        let database = server.database().await;
        let rate = stock::commands_per_second(&database.url, callers, SPAN).await;
        figures.note(format!("postgres-es, {callers} callers: commands/s"), rate);
        database.drop().await;
        let rate = appended(server, Workload::ONE, callers).await;
        figures.note(
            format!("one event, {callers} callers: appends/s"),
            rate.appends,
        );
        let database = server.database().await;
        let log = open(&database).await;
        database.run("DROP INDEX events_by_event_id").await;
        let rate = committer::rate(log, Workload::BARE, callers, SPAN).await;
        database.drop().await;
        figures.note(
            format!("bare event, {callers} callers: appends/s"),
            rate.appends,
        );
    }
}

async fn against_raw(server: &Server, figures: &mut Figures) {
    let database = server.database().await;
    let log = open(&database).await;
    let ours = committer::rate(log, Workload::MIXED, 256, SPAN).await;
    let mean = database.mean_batch().await;
    database.drop().await;
    figures.note("mixed, 256 callers: events/s", ours.events);
    figures.note("mixed, 256 callers: events in a batch", mean);
    for (rows, key, name) in [
        (Rows::Events, true, "bare insert: events/s"),
        (
            Rows::Events,
            false,
            "bare insert without the key of event ids: events/s",
        ),
        (
            Rows::All,
            true,
            "bare insert with commands, claims, heads: events/s",
        ),
    ] {
        let database = server.database().await;
        open(&database).await.close().await;
        if !key {
            database.run("DROP INDEX events_by_event_id").await;
        }
        let rate = raw::events_per_second(&database.url, rows, mean, SPAN).await;
        figures.note(name, rate);
        database.drop().await;
    }
    let database = server.database().await;
    let log = open(&database).await;
    database.run("DROP INDEX events_by_event_id").await;
    let workload = Workload {
        recorded: false,
        ..Workload::MIXED
    };
    let bare = committer::rate(log, workload, 256, SPAN).await;
    database.drop().await;
    figures.note(
        "mixed without commands, claims, timers, that key: events/s",
        bare.events,
    );
}

async fn grid(server: &Server, figures: &mut Figures) {
    for callers in CALLERS {
        for conflicts in CONFLICTS {
            let workload = Workload {
                conflicts,
                ..Workload::MIXED
            };
            let rate = appended(server, workload, callers).await;
            let name = format!("grid: {callers:>5} callers, {conflicts:>2} % conflicts: appends/s");
            figures.note(name, rate.appends);
        }
    }
}

/// What is measured once.
async fn aside(server: &Server, figures: &mut Figures) {
    for (aggregates, name) in [(1, "one hot aggregate"), (AGGREGATES, "10,000 aggregates")] {
        let database = server.database().await;
        let log = open(&database).await;
        let rate = executor::commands_per_second(log, 256, aggregates, SPAN).await;
        figures.note(format!("executor, {name}, 256 callers: commands/s"), rate);
        database.drop().await;
    }
    let database = server.database().await;
    let rates = read::events_per_second(open(&database).await).await;
    figures.note(
        format!("tail, pages of {}: events/s", read::PAGE),
        rates.tail,
    );
    database.drop().await;
}

fn to_stock(figures: &Figures) {
    for callers in CALLERS {
        let stock = format!("postgres-es, {callers} callers: commands/s");
        let ratio = figures.ratio(&format!("one event, {callers} callers: appends/s"), &stock);
        let bare = figures.ratio(&format!("bare event, {callers} callers: appends/s"), &stock);
        let goal = match callers {
            64 => format!(" (goal {STOCK_GOAL:.0}: {})", reached(ratio >= STOCK_GOAL)),
            _ => String::new(),
        };
        println!(
            "  to postgres-es, {callers:>5} callers: {ratio:.1}{goal}; without command, claim, timer and the key of event ids {bare:.1}"
        );
    }
}

fn reached(yes: bool) -> &'static str {
    if yes { "reached" } else { "MISSED" }
}

fn verdict(figures: &Figures) {
    to_stock(figures);
    let mixed = "mixed, 256 callers: events/s";
    let percent = |of, to| 100.0 * figures.ratio(of, to);
    let raw = percent(mixed, "bare insert: events/s");
    println!(
        "  to the bare insert of the same events: {raw:.0} % (goal {RAW_GOAL:.0} %: {})",
        reached(raw >= RAW_GOAL)
    );
    for (name, of, to) in [
        (
            "of which the key of event ids is the bare insert's too; to one without it",
            mixed,
            "bare insert without the key of event ids: events/s",
        ),
        (
            "to a bare insert of commands, claims and stream heads too",
            mixed,
            "bare insert with commands, claims, heads: events/s",
        ),
        (
            "both without commands, claims, timers and the key of event ids",
            "mixed without commands, claims, timers, that key: events/s",
            "bare insert without the key of event ids: events/s",
        ),
    ] {
        println!("  {name}: {:.0} %", percent(of, to));
    }
}
