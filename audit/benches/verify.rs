//! How many events a second the checks go through: a log of purchases, some holds given back, no read model.
//!
//! `cargo bench -p audit` prints one line for each of three runs. The events are made by hand, so that the log is as large as wanted
//! within seconds; that it is found clean is part of the run.

mod scene;

use std::{sync::Arc, time::Instant};

use audit::verify::{Deps, Options};
use event_store::log::{SqliteEventLog, sqlite::Options as LogOptions};

use self::scene::{Writer, folder, sell_out, start};

/// Shows, each with as many seats; a sold-out hall each.
const SHOWS: usize = 100;
const SEATS: u64 = 1_000;

#[expect(clippy::print_stdout, reason = "a benchmark's result")]
#[tokio::main]
async fn main() {
    let folder = folder();
    let log = SqliteEventLog::open(&folder.join("log.db"), LogOptions::default())
        .await
        .expect("a new log opens");
    let mut writer = Writer::new(Arc::new(log));
    drop(sell_out(&mut writer, SHOWS, SEATS).await);
    let deps = Deps {
        log: writer.log.clone(),
        read_model: None,
        partition_of: None,
        bus: None,
    };
    for _ in 0..3 {
        let begin = Instant::now();
        let report = audit::verify(&deps, &Options::at(start()), |_| {})
            .await
            .expect("the log can be checked");
        let seconds = begin.elapsed().as_secs_f64();
        assert!(report.is_clean(), "{report}");
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let rate = writer.events as f64 / seconds;
        println!(
            "{} events checked in {seconds:.2} s: {rate:.0} events/s",
            writer.events
        );
    }
    writer.log.close().await;
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
}
