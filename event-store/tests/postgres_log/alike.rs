//! Both adapters, side by side: what ends in one way on SQLite ends in the same way on Postgres.

use std::{path::PathBuf, sync::Arc};

use event_store::{
    EventLog, RecordedEvent, SqliteEventLog,
    log::{
        Append, Position,
        conformance::sample::{Draft, stream, time},
        sqlite,
    },
    timers::WakeAt,
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use uuid::Uuid;

use crate::open;

/// Batches that are appended to both.
const BATCHES: usize = 150;

/// What an append does: its stream and the version expected of it, a guarded stream, a claim, how far back its command id was used
/// before, its timer.
type Step = (u64, u64, Option<u64>, u8, u64, u8);

fn step() -> impl Strategy<Value = Step> {
    (
        0_u64..5,
        0_u64..5,
        proptest::option::of(0_u64..3),
        0_u8..5,
        0_u64..4,
        0_u8..3,
    )
}

fn append(number: u64, (own, version, guarded, claim, repeat, timer): Step) -> Append {
    let name = own.to_string();
    let own = stream(&name);
    // One in four repeats an earlier command.
    let number = number - if repeat == 0 { number.min(7) } else { 0 };
    let wake = match timer {
        0 => WakeAt::Keep,
        1 => WakeAt::Never,
        _ => WakeAt::At(time(i64::try_from(number).unwrap())),
    };
    let draft = Draft::new(number)
        .events(&own, version, 1 + usize::from(timer))
        .wake(wake);
    let draft = match guarded {
        Some(version) => draft.events(&stream(&format!("guard of {name}")), version, 0),
        None => draft,
    };
    let other = stream("other");
    match claim {
        0 => draft,
        1 => draft.set(&name, &own),
        2 => draft.release(&name, &own).set(&name, &other),
        3 => draft.set(&name, &own).release(&name, &own),
        _ => draft.release(&name, &other).set(&name, &own),
    }
    .done()
}

/// What the two may not differ in.
fn comparable(mut event: RecordedEvent) -> RecordedEvent {
    event.epoch = 0;
    event
}

#[tokio::test]
async fn what_ends_in_one_way_on_sqlite_ends_so_on_postgres() {
    let Some(database) = servers::log_database("alike").await else {
        return;
    };
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(Uuid::now_v7().to_string());
    std::fs::create_dir_all(&folder).unwrap();
    let small = SqliteEventLog::open(&folder.join("log.db"), sqlite::Options::default()).await;
    let small: Arc<dyn EventLog> = Arc::new(small.unwrap());
    let large: Arc<dyn EventLog> = open(&database).await;
    let mut runner = TestRunner::new(Config::default());
    let (mut number, mut committed) = (0, 0);
    for _ in 0..BATCHES {
        let steps = prop::collection::vec(step(), 1..5).new_tree(&mut runner);
        let mut batch: Vec<Append> = Vec::new();
        for step in steps.unwrap().current() {
            number += 1;
            let append = append(number, step);
            let apart = batch.iter().all(|a| {
                a.streams[0].stream != append.streams[0].stream
                    && a.commands[0].command_id != append.commands[0].command_id
            });
            if apart {
                batch.push(append);
            }
        }
        let there = small.append(batch.clone()).await.unwrap();
        let here = large.append(batch.clone()).await.unwrap();
        assert_eq!(here, there, "{batch:#?}");
        committed = small.head().await.unwrap().position.0;
    }
    assert!(committed > 0, "nothing was stored");
    let events = |log: Arc<dyn EventLog>| async move {
        let events = log.read_all(Position(0), usize::MAX).await.unwrap();
        events.into_iter().map(comparable).collect::<Vec<_>>()
    };
    assert_eq!(
        events(Arc::clone(&large)).await,
        events(Arc::clone(&small)).await
    );
    let heads =
        |log: Arc<dyn EventLog>| async move { log.list_stream_heads(None, 100).await.unwrap() };
    assert_eq!(
        heads(Arc::clone(&large)).await,
        heads(Arc::clone(&small)).await
    );
    let claims = |log: Arc<dyn EventLog>| async move { log.list_claims(None, 100).await.unwrap() };
    assert_eq!(
        claims(Arc::clone(&large)).await,
        claims(Arc::clone(&small)).await
    );
    let commands =
        |log: Arc<dyn EventLog>| async move { log.list_commands(None, 1_000).await.unwrap() };
    assert_eq!(commands(Arc::clone(&large)).await, commands(small).await);
}
