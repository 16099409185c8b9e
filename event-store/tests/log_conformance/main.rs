//! The conformance functions of the event log: the SQLite adapter keeps every promise, and each function notices when just its
//! promise is broken.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod faulty;

use std::{path::PathBuf, sync::Arc, time::Duration};

use event_store::{
    EventLog, SqliteEventLog,
    log::{
        conformance::{self, Check},
        sqlite::Options,
    },
};
use tokio::time::timeout;
use uuid::Uuid;

use crate::faulty::{Fault, FaultyLog};

/// No check waits longer, whatever is broken.
const BOUND: Duration = Duration::from_secs(30);

async fn new_log() -> Arc<dyn EventLog> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(Uuid::now_v7().to_string());
    std::fs::create_dir_all(&folder).unwrap();
    let log = SqliteEventLog::open(&folder.join("log.db"), Options::default()).await;
    Arc::new(log.unwrap())
}

fn check(name: &str) -> Check {
    let mut all = conformance::all().into_iter();
    let check = all.find(|check| check.name == name);
    check.unwrap_or_else(|| panic!("no check is called {name}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sqlite_log_keeps_every_promise() {
    for check in conformance::all() {
        let result = timeout(BOUND, check.run(new_log().await)).await;
        assert_eq!(result, Ok(Ok(())), "{}", check.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_check_notices_its_fault() {
    for fault in Fault::ALL {
        let log = Arc::new(FaultyLog::new(new_log().await, fault));
        let result = timeout(BOUND, check(fault.breaks()).run(log)).await;
        assert!(
            matches!(result, Ok(Err(_))),
            "{} with {fault:?} ended as {result:?}",
            fault.breaks()
        );
    }
}

#[test]
fn each_check_has_a_fault() {
    for check in conformance::all() {
        let mut faults = Fault::ALL.iter();
        assert!(
            faults.any(|fault| fault.breaks() == check.name),
            "{}",
            check.name
        );
    }
}
