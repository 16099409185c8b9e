//! What the SQLite adapter keeps beyond the port's promises: several processes, a file that is opened again, refusals at start-up,
//! large batches, and the committer on top of it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use event_store::{
    Committer, EventLog, SqliteEventLog,
    committer::CommitError,
    log::{
        self, Append, Error, Outcome, Position,
        conformance::sample::{Draft, command, one, stream},
        sqlite::Options,
    },
};
use futures::future::join_all;
use proptest::prelude::*;
use sqlx::{
    ConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

/// No wait is longer.
const BOUND: Duration = Duration::from_secs(20);

/// A path for a new log, in a folder of its own.
fn new_path() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(Uuid::now_v7().to_string());
    std::fs::create_dir_all(&folder).unwrap();
    folder.join("log.db")
}

async fn open(path: &Path) -> Arc<dyn EventLog> {
    Arc::new(
        SqliteEventLog::open(path, Options::default())
            .await
            .unwrap(),
    )
}

async fn run_sql(path: &Path, sql: &str) {
    let options = SqliteConnectOptions::new().filename(path);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
}

async fn assert_dense(log: &dyn EventLog, events: u64) {
    let stored = log.read_all(Position(0), usize::MAX).await.unwrap();
    let positions: Vec<_> = stored.iter().map(|e| e.position.0).collect();
    assert_eq!(positions, (1..=events).collect::<Vec<_>>());
    assert_eq!(log.head().await.unwrap().position, Position(events));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_logs_on_one_file_stay_dense() {
    let path = new_path();
    let logs = [open(&path).await, open(&path).await];
    let writers = (0..8_u64).map(|writer| {
        let log = Arc::clone(&logs[usize::from(writer % 2 == 0)]);
        async move {
            // Pairs of writers share a stream: one of two that expect the same version is refused, and tries again.
            let own = stream(&(writer / 2).to_string());
            let mut stored = 0;
            for n in 0..25 {
                loop {
                    let heads = log.stream_heads(std::slice::from_ref(&own)).await.unwrap();
                    let version = heads[0].map_or(0, |head| head.version);
                    let append = one(writer * 100 + n, &own, version);
                    match &log.append(vec![append]).await.unwrap()[0] {
                        Outcome::Committed { .. } => break stored += 1,
                        Outcome::VersionConflict { .. } => {}
                        other => panic!("{other:?}"),
                    }
                }
            }
            stored
        }
    });
    let stored: u64 = join_all(writers).await.into_iter().sum();
    assert_eq!(stored, 200);
    for log in &logs {
        assert_dense(&**log, stored).await;
        let mut changes = log.head_changes();
        let told = changes.wait_for(|at| at.0 == stored);
        tokio::time::timeout(BOUND, told).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_log_that_is_opened_again_goes_on() {
    let path = new_path();
    let a = stream("a");
    let log = open(&path).await;
    log.append(vec![one(1, &a, 0)]).await.unwrap();
    log.close().await;
    let closed = log.append(vec![one(2, &a, 1)]).await;
    assert!(matches!(closed, Err(Error::Unavailable(_))), "{closed:?}");
    let log = log::open(&format!("sqlite:{}", path.display()))
        .await
        .unwrap();
    assert_eq!(*log.head_changes().borrow(), Position(1));
    let outcomes = log.append(vec![one(1, &a, 1), one(2, &a, 0), one(3, &a, 1)]);
    let error = outcomes.await.unwrap_err();
    assert!(
        matches!(error, Error::Invalid(_)),
        "one batch, one stream: {error}"
    );
    let outcomes = log.append(vec![one(1, &a, 1)]).await.unwrap();
    assert!(matches!(outcomes[0], Outcome::Known(_)), "{outcomes:?}");
    log.append(vec![one(3, &a, 1)]).await.unwrap();
    assert_dense(&*log, 2).await;
}

#[tokio::test]
async fn synchronous_below_full_is_refused() {
    for synchronous in [SqliteSynchronous::Normal, SqliteSynchronous::Off] {
        let options = Options {
            synchronous,
            ..Options::default()
        };
        let error = SqliteEventLog::open(&new_path(), options)
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Refused(_)));
        assert!(error.to_string().contains("synchronous at FULL"), "{error}");
    }
    let options = Options {
        synchronous: SqliteSynchronous::Extra,
        ..Options::default()
    };
    SqliteEventLog::open(&new_path(), options).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let path = new_path();
    open(&path).await.close().await;
    let newer =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (9000, 'of the future', true, x'00', 0);";
    run_sql(&path, newer).await;
    let error = SqliteEventLog::open(&path, Options::default())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Refused(_)));
    let text = error.to_string();
    assert!(
        text.contains("version 9000, newer than version 6"),
        "{text}"
    );
}

#[tokio::test]
async fn an_unknown_scheme_lists_the_known_ones() {
    for url in ["redis:x", "no scheme", "sqlite:"] {
        let error = log::open(url).await.unwrap_err();
        assert!(error.to_string().contains("sqlite:PATH"), "{error}");
    }
}

#[tokio::test]
async fn a_batch_beyond_the_largest_statement_is_stored_whole() {
    let log = open(&new_path()).await;
    let taken = stream("taken");
    log.append(vec![one(0, &taken, 0)]).await.unwrap();
    let batch = |from: u64| -> Vec<Append> {
        let own = |n: u64| stream(&n.to_string());
        let append = |n: u64| match n % 100 {
            7 => one(n, &stream("taken"), 0),
            _ => Draft::new(n)
                .events(&own(n), 0, 2)
                .set(&n.to_string(), &own(n))
                .done(),
        };
        (from..from + 107)
            .map(append)
            .chain((from + 108..from + 900).map(append))
            .collect()
    };
    // One append in 100 conflicts, each on the same stream: only the first of them can be in a batch.
    let one_conflict = |from: u64| -> Vec<Append> {
        let mut batch = batch(from);
        let conflicts = |a: &Append| a.streams[0].stream == taken;
        let first = batch.iter().position(conflicts).unwrap();
        let kept = batch[first].clone();
        batch.retain(|a| !conflicts(a));
        batch.insert(first, kept);
        batch
    };
    let outcomes = log.append(one_conflict(1_000)).await.unwrap();
    let refused = outcomes
        .iter()
        .filter(|o| !matches!(o, Outcome::Committed { .. }));
    assert_eq!(refused.count(), 1);
    let stored = outcomes.len() as u64 - 1;
    assert_dense(&*log, 1 + 2 * stored).await;
    // None conflicts.
    let mut clean = one_conflict(10_000);
    clean.retain(|a| a.streams[0].stream != taken);
    let more = clean.len() as u64;
    log.append(clean).await.unwrap();
    assert_dense(&*log, 1 + 2 * (stored + more)).await;
    let known = log
        .known_commands(&[command(1_500), command(10_899)])
        .await
        .unwrap();
    assert!(known.iter().all(Option::is_some), "{known:?}");
    let single = Draft::new(99_999).events(&stream("long"), 0, 1_000).done();
    let outcome = log.append(vec![single]).await.unwrap().remove(0);
    let Outcome::Committed { first, last } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(last.0 - first.0, 999);
    assert_dense(&*log, last.0).await;
}

#[tokio::test]
async fn a_lock_held_too_long_stores_nothing_and_is_survived() {
    let path = new_path();
    let log = open(&path).await;
    log.append(vec![one(1, &stream("a"), 0)]).await.unwrap();
    // Another connection holds the write lock for longer than the log waits.
    let options = SqliteConnectOptions::new().filename(&path);
    let mut other = options.connect().await.unwrap();
    let short = Options {
        busy_timeout: Duration::from_millis(50),
        ..Options::default()
    };
    let impatient = SqliteEventLog::open(&path, short).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE")
        .execute(&mut other)
        .await
        .unwrap();
    let refused = impatient.append(vec![one(2, &stream("b"), 0)]).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    assert_dense(&impatient, 1).await;
    impatient
        .append(vec![one(2, &stream("b"), 0)])
        .await
        .unwrap();
    assert_dense(&*log, 2).await;
}

struct Running {
    committer: Committer,
    log: Arc<dyn EventLog>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

impl Running {
    async fn start() -> Self {
        let log = open(&new_path()).await;
        let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
        let committer = Committer::start(Arc::clone(&log), &tasks, shutdown.clone());
        Self {
            committer,
            log,
            tasks,
            shutdown,
        }
    }

    async fn stop(&self) {
        self.shutdown.cancel();
        self.tasks.close();
        tokio::time::timeout(BOUND, self.tasks.wait())
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_committer_keeps_the_order_of_a_stream() {
    let running = Running::start().await;
    // All at once, each expecting what the one before it leaves behind: they must go into batches one after another.
    let appends = (0..50).map(|n| running.committer.append(one(n, &stream("hot"), n)));
    for outcome in join_all(appends).await {
        assert!(
            matches!(outcome, Ok(Outcome::Committed { .. })),
            "{outcome:?}"
        );
    }
    assert_dense(&*running.log, 50).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_cannot_be_stored_fails_alone() {
    let running = Running::start().await;
    let appends = (0..60).map(|n| {
        let own = stream(&n.to_string());
        let poison = |append: &mut Append| "\0".clone_into(&mut append.streams[0].routing_key);
        let draft = Draft::new(n).events(&own, 0, 1);
        let append = if n % 10 == 3 {
            draft.with(poison)
        } else {
            draft
        };
        running.committer.append(append.done())
    });
    let outcomes = join_all(appends).await;
    for (n, outcome) in outcomes.iter().enumerate() {
        let invalid = matches!(outcome, Err(CommitError::Log(Error::Invalid(_))));
        assert_eq!(invalid, n % 10 == 3, "{n}: {outcome:?}");
        assert_eq!(outcome.is_ok(), n % 10 != 3, "{n}: {outcome:?}");
    }
    assert_dense(&*running.log, 54).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_queued_is_committed_before_the_end() {
    let running = Running::start().await;
    let appends: Vec<_> = (0..300)
        .map(|n| {
            let committer = running.committer.clone();
            let append = one(n, &stream(&n.to_string()), 0);
            running
                .tasks
                .spawn(async move { committer.append(append).await })
        })
        .collect();
    running.stop().await;
    let mut stored = 0;
    for append in appends {
        match append.await.unwrap() {
            Ok(Outcome::Committed { .. }) => stored += 1,
            Err(CommitError::Closed) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_dense(&*running.log, stored).await;
    let late = running.committer.append(one(999, &stream("late"), 0)).await;
    assert!(matches!(late, Err(CommitError::Closed)), "{late:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Batches of appends over few streams and claims, most of them in conflict: a batch ends as its appends would one by one.
    #[test]
    fn a_batch_ends_as_its_appends_one_by_one(
        steps in prop::collection::vec((0_u64..4, 0_u64..4, 0_u8..3, 0_u64..3), 1..40)
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let (batched, single) = (open(&new_path()).await, open(&new_path()).await);
            let mut number = 0;
            for chunk in steps.chunks(4) {
                let mut batch: Vec<Append> = Vec::new();
                for (own, version, claim, repeat) in chunk {
                    number += 1;
                    let own = stream(&own.to_string());
                    let draft = Draft::new(number - (repeat * 3).min(number)).events(&own, *version, 1);
                    let key = own.aggregate_id.to_string();
                    let draft = match claim {
                        0 => draft,
                        1 => draft.set(&key, &own),
                        _ => draft.release(&key, &own).set(&key, &stream("other")),
                    };
                    let append = draft.done();
                    let apart = batch.iter().all(|a| {
                        a.streams[0].stream != own
                            && a.commands[0].command_id != append.commands[0].command_id
                    });
                    if apart {
                        batch.push(append);
                    }
                }
                let together = batched.append(batch.clone()).await.unwrap();
                let mut apart = Vec::new();
                for append in batch {
                    apart.extend(single.append(vec![append]).await.unwrap());
                }
                assert_eq!(together, apart);
            }
            let all = batched.read_all(Position(0), usize::MAX).await.unwrap();
            assert_eq!(all, single.read_all(Position(0), usize::MAX).await.unwrap());
            batched.close().await;
            single.close().await;
        });
    }
}
