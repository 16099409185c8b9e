//! What the log bears on this machine's disk: `cargo bench -p event-store`.
//!
//! Absolute numbers depend on the disk and the machine; the ratios to what is measured beside it, in turns in the same run, do not
//! as much. On SQLite that is a writer with one transaction per append; on Postgres stock postgres-es, and inserts without any checks.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

mod committer;
mod disk;
mod executor;
mod postgres;
mod read;
mod single;
mod workload;

use std::{sync::Arc, time::Duration};

use event_store::{EventLog, SqliteEventLog, log::sqlite::Options};

use crate::{disk::Folder, single::Send, workload::Workload};

/// How long each measurement lasts.
const SPAN: Duration = Duration::from_secs(2);

/// Aggregates that commands are spread over.
const AGGREGATES: usize = 10_000;

/// The goal: appends through the committer over appends one by one, with 64 callers.
const GOAL: f64 = 8.0;

#[tokio::main]
async fn main() {
    let folder = Folder::new();
    folder.refuse_memory();
    println!("disk");
    println!(
        "  fdatasync of 8 KiB           {:>9.0} us (median)",
        folder.fdatasync_micros()
    );
    // `cargo bench -p event-store -- postgres` or `-- sqlite` measures one of the two, `-- stock` what is compared with postgres-es.
    let only: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| match only.iter().find(|only| !only.starts_with("--")) {
        Some(only) => only == name,
        None => true,
    };
    if wanted("sqlite") {
        sqlite(&folder).await;
    }
    if only.iter().any(|only| only == "stock") {
        postgres::run_against_stock().await;
    } else if wanted("postgres") {
        postgres::run().await;
    }
}

async fn open(folder: &Folder) -> Arc<dyn EventLog> {
    let log = SqliteEventLog::open(&folder.log(), Options::default()).await;
    Arc::new(log.unwrap())
}

async fn sqlite(folder: &Folder) {
    println!(
        "SQLite: appends/s through the committer (one event, command and claim each, durable)"
    );
    for callers in [1, 64, 1_024] {
        let rate = committer::rate(open(folder).await, Workload::ONE, callers, SPAN).await;
        println!(
            "  {callers:>5} callers                {:>9.0}",
            rate.appends
        );
    }

    println!("the same 64 callers: one transaction per append, and the committer, in turns");
    let (mut ratios, mut least) = (Vec::new(), Vec::new());
    for round in 1..=3 {
        let single = single::appends_per_second(folder, 64, SPAN, Send::Statements).await;
        let one_call = single::appends_per_second(folder, 64, SPAN, Send::OneCall).await;
        let batched = committer::rate(open(folder).await, Workload::ONE, 64, SPAN).await;
        let batched = batched.appends;
        ratios.push(batched / single);
        least.push(batched / one_call);
        println!(
            "  round {round}: statement by statement {single:>6.0}, in one call {one_call:>6.0}, committer {batched:>6.0}"
        );
    }
    let (ratio, least) = (median(ratios), median(least));
    let verdict = if ratio >= GOAL { "reached" } else { "MISSED" };
    println!("  median ratio {ratio:.1} (goal {GOAL:.0}: {verdict}); to one call {least:.1}");

    println!("commands/s through the executor (one event, claim and timer each, durable)");
    for (aggregates, name) in [(1, "one hot aggregate"), (AGGREGATES, "10,000 aggregates")] {
        for callers in [64, 1_024] {
            let log = open(folder).await;
            let rate = executor::commands_per_second(log, callers, aggregates, SPAN).await;
            println!("  {name:<18} {callers:>5} callers {rate:>9.0}");
        }
    }

    println!("reading");
    let rates = read::events_per_second(open(folder).await).await;
    println!(
        "  tail, pages of {:>5}          {:>9.0} events/s",
        read::PAGE,
        rates.tail
    );
    println!(
        "  decode and fold               {:>9.0} events/s",
        rates.fold
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
