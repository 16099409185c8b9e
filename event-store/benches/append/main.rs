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
    let mut ratios = Vec::new();
    for round in 1..=3 {
        let single = single::appends_per_second(&folder, 64, SPAN).await;
        let batched = committer::appends_per_second(&folder, 64, SPAN).await;
        ratios.push(batched / single);
        println!(
            "  round {round}: one by one {single:>8.0}   committer {batched:>8.0}   ratio {:>5.1}",
            batched / single
        );
    }
    ratios.sort_by(f64::total_cmp);
    let verdict = if ratios[1] >= GOAL {
        "reached"
    } else {
        "MISSED"
    };
    println!("  median ratio {:.1}; goal {GOAL:.0}: {verdict}", ratios[1]);

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
