//! What the log bears on this machine's disk: `cargo bench -p event-store`.
//!
//! Absolute numbers depend on the disk; the ratio to a writer with one transaction per append, measured in turns in the same run,
//! is what the committer is for.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

mod committer;
mod disk;
mod executor;
mod read;
mod single;
mod workload;

use std::time::Duration;

use crate::single::Send;

/// How long each measurement lasts.
const SPAN: Duration = Duration::from_secs(2);

/// Aggregates that commands are spread over.
const AGGREGATES: usize = 10_000;

/// The goal: appends through the committer over appends one by one, with 64 callers.
const GOAL: f64 = 8.0;

#[tokio::main]
async fn main() {
    let folder = disk::Folder::new();
    folder.refuse_memory();
    println!("disk");
    println!(
        "  fdatasync of 8 KiB           {:>9.0} us (median)",
        folder.fdatasync_micros()
    );

    println!("appends/s through the committer (one event, command and claim each, durable)");
    for callers in [1, 64, 1_024] {
        let rate = committer::appends_per_second(&folder, callers, SPAN).await;
        println!("  {callers:>5} callers                {rate:>9.0}");
    }

    println!("the same 64 callers: one transaction per append, and the committer, in turns");
    let (mut ratios, mut least) = (Vec::new(), Vec::new());
    for round in 1..=3 {
        let single = single::appends_per_second(&folder, 64, SPAN, Send::Statements).await;
        let one_call = single::appends_per_second(&folder, 64, SPAN, Send::OneCall).await;
        let batched = committer::appends_per_second(&folder, 64, SPAN).await;
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
            let rate = executor::commands_per_second(&folder, callers, aggregates, SPAN).await;
            println!("  {name:<18} {callers:>5} callers {rate:>9.0}");
        }
    }

    println!("reading");
    let rates = read::events_per_second(&folder).await;
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
