//! Refusals: both adapters keep the port's promises, and the recorder its bounds.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{path::PathBuf, sync::Arc, time::Instant};

use chrono::{DateTime, TimeDelta, Utc};
use event_store::{
    PostgresEventLog, SqliteEventLog,
    log::{Error, postgres, sqlite},
    refusals::{
        self, KEPT_EACH, MAX_ROWS_WAITING, MAX_SUBJECTS_WAITING, Of, Recorder, Refusal, Refusals,
        conformance,
    },
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

/// Refusals beside a new log in a file.
async fn in_a_file() -> (SqliteEventLog, Arc<dyn Refusals>) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(Uuid::now_v7().to_string());
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("log.db");
    let log = SqliteEventLog::open(&path, sqlite::Options::default()).await;
    let url = format!("sqlite:{}", path.display());
    let refusals = refusals::open(&url, postgres::Options::default()).await;
    (log.unwrap(), refusals.unwrap())
}

fn refusal(number: u64) -> Refusal {
    Refusal {
        refusal_id: Uuid::from_u128(u128::from(number)),
        at: DateTime::<Utc>::UNIX_EPOCH + TimeDelta::milliseconds(number.try_into().unwrap()),
        command: "hold_seats".to_owned(),
        command_id: Uuid::nil(),
        code: "seats_unavailable".to_owned(),
        detail: String::new(),
        actor: format!("customer:{}", Uuid::from_u128(u128::from(number))),
        correlation_id: String::new(),
        position: 30,
    }
}

/// How many refusals of a subject are kept, and how many there were.
async fn stands(refusals: &dyn Refusals, subject: &str) -> (usize, u64) {
    let subjects = [subject.to_owned()];
    let kept = refusals.list(Of::Subjects(&subjects), 0..u64::MAX, 1_000);
    let counts = refusals.counts(&subjects).await.unwrap();
    let refused = counts.first().map_or(0, |count| count.refused);
    (kept.await.unwrap().len(), refused)
}

#[tokio::test]
async fn refusals_in_sqlite_keep_every_promise() {
    let (_log, refusals) = in_a_file().await;
    conformance::check(&*refusals).await.unwrap();
}

#[tokio::test]
async fn refusals_in_postgres_keep_every_promise() {
    let Some(database) = servers::log_database("refusals").await else {
        return;
    };
    let log = PostgresEventLog::open(&database.url, postgres::Options::default()).await;
    let refusals = refusals::open(&database.url, postgres::Options::default()).await;
    conformance::check(&*refusals.unwrap()).await.unwrap();
    drop(log);
}

#[tokio::test]
async fn an_unknown_scheme_lists_the_known_ones() {
    let error = refusals::open("redis:x", postgres::Options::default())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Refused(text) if text.contains("sqlite:PATH")));
}

/// A crowd that wants one seat ends as a hundred rows and a count, while they come in and are written at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_burst_on_one_seat_is_a_hundred_rows_and_a_count() {
    const CROWD: u64 = 100_000;
    let (_log, refusals) = in_a_file().await;
    let (end, tasks) = (CancellationToken::new(), TaskTracker::new());
    let (recorder, keeper) = Recorder::new(refusals.clone(), end.clone());
    tasks.spawn(keeper);
    let began = Instant::now();
    for number in 0..CROWD {
        recorder.record(["seat/s/A-1".to_owned()], &refusal(number));
    }
    println!(
        "{CROWD} refusals were handed in within {:?}",
        began.elapsed()
    );
    end.cancel();
    tasks.close();
    tasks.wait().await;
    let kept = usize::try_from(KEPT_EACH).unwrap();
    assert_eq!(stands(&*refusals, "seat/s/A-1").await, (kept, CROWD));
}

/// What waits when a process ends is written, and the next process goes on counting.
#[tokio::test]
async fn what_waits_is_written_at_the_end_and_counted_on() {
    let (_log, refusals) = in_a_file().await;
    for round in 1..=3 {
        let end = CancellationToken::new();
        let (recorder, keeper) = Recorder::new(refusals.clone(), end.clone());
        for number in 0..60 {
            let subjects = ["seat/s/A-1", "seat/s/A-2"].map(str::to_owned);
            recorder.record(subjects, &refusal(number));
        }
        end.cancel();
        keeper.await;
        let kept = if round == 1 { 60 } else { 100 };
        for subject in ["seat/s/A-1", "seat/s/A-2"] {
            assert_eq!(stands(&*refusals, subject).await, (kept, round * 60));
        }
    }
}

/// Where nothing is written for long, what waits stays bounded, and subjects that wait go on being counted.
#[tokio::test]
async fn what_waits_is_bounded() {
    let (_log, refusals) = in_a_file().await;
    let end = CancellationToken::new();
    let (recorder, keeper) = Recorder::new(refusals.clone(), end.clone());
    for number in 0..=MAX_SUBJECTS_WAITING {
        recorder.record([format!("seat/s/{number:05}")], &refusal(number as u64));
    }
    // Rows are as many as there may be: one more is counted alone.
    const { assert!(MAX_ROWS_WAITING <= MAX_SUBJECTS_WAITING) }
    recorder.record(["seat/s/00000".to_owned()], &refusal(0));
    end.cancel();
    keeper.await;
    assert_eq!(stands(&*refusals, "seat/s/00000").await, (1, 2));
    let last = format!("seat/s/{MAX_SUBJECTS_WAITING:05}");
    assert_eq!(stands(&*refusals, &last).await, (0, 0));
    let all = refusals.list_counts(None, usize::MAX).await.unwrap();
    assert_eq!(all.len(), MAX_SUBJECTS_WAITING);
}
