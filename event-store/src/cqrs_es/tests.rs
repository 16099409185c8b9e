//! A plain cqrs-es application runs on the log.

mod counter;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use cqrs_es::{
    AggregateError, CqrsFramework, EventStore,
    persist::{
        EventUpcaster, GenericQuery, PersistedEventRepository, PersistedEventStore,
        PersistenceError, QueryReplay, SemanticVersionEventUpcaster, ViewRepository,
    },
};
use futures::future::join_all;
use serde_json::json;
use uuid::Uuid;

use self::counter::{Command, Counter, Event, Nothing, Recorder, Store, Total, Totals, snapshots};
use super::*;
use crate::{
    commands::Fingerprint,
    executor::{Config, Error, Executor, Metadata, Request},
    log::{EventLog, StreamId},
    testing::{Fault, Rig},
    upcast::Upcasters,
};

#[tokio::test]
async fn an_application_runs_unchanged() {
    let rig = Rig::new().await;
    let (recorder, totals) = (Recorder::default(), Arc::new(Totals::default()));
    let view = GenericQuery::new(Arc::clone(&totals));
    let framework = rig.framework(vec![Box::new(recorder.clone()), Box::new(view)]);
    let metadata = HashMap::from([("actor".to_owned(), "ann".to_owned())]);
    for (id, times) in [("a", 1), ("b", 4), ("a", 2), ("a", 1)] {
        let command = Command::Count(times);
        framework
            .execute_with_metadata(id, command, metadata.clone())
            .await
            .unwrap();
    }
    let refused = framework.execute("a", Command::Count(0)).await;
    assert!(
        matches!(refused, Err(AggregateError::UserError(Nothing))),
        "{refused:?}"
    );
    let sequences: Vec<usize> = recorder.seen().into_iter().map(|(_, s)| s).collect();
    assert_eq!(sequences, [1, 1, 2, 3, 4, 2, 3, 4]);
    let total = |count, last: u64| {
        Some(Total {
            count,
            last_position: last.to_string(),
        })
    };
    assert_eq!(totals.load("a").await.unwrap(), total(4, 8));
    assert_eq!(totals.load("b").await.unwrap(), total(4, 5));

    let stored = rig.log.read_all(Position(0), 100).await.unwrap();
    for (event, envelope) in stored.iter().zip(recorder.0.lock().unwrap().iter()) {
        assert_eq!(event.metadata, r#"{"actor":"ann"}"#);
        assert_eq!(event.payload, r#"{"Counted":{"by":1}}"#);
        // What a query is told at once is what it would read later.
        assert_eq!(envelope.metadata, metadata_of(event).unwrap());
        assert_eq!(envelope.metadata["actor"], "ann");
    }
}

#[tokio::test]
async fn two_commands_on_one_state_conflict() {
    let rig = Rig::new().await;
    let store = LogEventStore::<Counter>::new(rig.repository(Options::default()));
    let (one, two) = (
        store.load_aggregate("a").await,
        store.load_aggregate("a").await,
    );
    let event = || vec![Event::Counted { by: 1 }];
    store
        .commit(event(), one.unwrap(), HashMap::new())
        .await
        .unwrap();
    let late = store.commit(event(), two.unwrap(), HashMap::new()).await;
    assert!(
        matches!(late, Err(AggregateError::AggregateConflict)),
        "{late:?}"
    );
    assert_eq!(rig.log.head().await.unwrap().position, Position(1));

    let repository = rig.repository(Options::default());
    let stale = repository.get_events::<Counter>("a").await.unwrap();
    let again = repository.persist::<Counter>(&stale, None).await;
    assert!(
        matches!(again, Err(PersistenceError::OptimisticLockError)),
        "{again:?}"
    );
}

#[tokio::test]
async fn snapshots_count_every_event_once() {
    let rig = Rig::new().await;
    let repository = || rig.repository(snapshots(2));
    let stores: [fn(LogRepository) -> Store; 3] = [
        Store::new_event_store,
        Store::new_aggregate_store,
        |repository| Store::new_snapshot_store(repository, 2),
    ];
    for (n, store) in stores.into_iter().enumerate() {
        let id = n.to_string();
        for times in [1, 2, 3, 1, 1] {
            let framework = CqrsFramework::new(store(repository()), vec![], ());
            framework.execute(&id, Command::Count(times)).await.unwrap();
        }
        let context = store(repository()).load_aggregate(&id).await.unwrap();
        assert_eq!(
            (context.aggregate.count, context.current_sequence),
            (8, 8),
            "{id}"
        );
    }
    for times in [1, 2, 3, 1, 1] {
        rig.framework(vec![])
            .execute("own", Command::Count(times))
            .await
            .unwrap();
        let store = LogEventStore::<Counter>::new(rig.repository(snapshots(3)));
        store.load_aggregate("own").await.unwrap();
    }
    let schema = SNAPSHOT_SCHEMAS;
    let snapshot = rig
        .log
        .load_snapshot(&StreamId::new("counter", "own"), schema)
        .await
        .unwrap();
    let snapshot = snapshot.unwrap();
    assert_eq!(
        snapshot.payload,
        format!(r#"{{"count":{}}}"#, snapshot.version)
    );
    let mut context = LogEventStore::<Counter>::new(rig.repository(snapshots(3)))
        .load_aggregate("own")
        .await
        .unwrap();
    assert_eq!(cqrs_es::AggregateContext::aggregate(&mut context).count, 8);
}

/// Events of three counters and of something else, more than a page of them.
async fn fill(rig: &Rig) -> Vec<(String, usize)> {
    let framework = rig.framework(vec![]);
    let mut expected = Vec::new();
    let mut sequences = HashMap::new();
    for (id, times) in [("a", 3), ("b", 900), ("a", 2), ("c", 700), ("b", 1)] {
        framework.execute(id, Command::Count(times)).await.unwrap();
        for _ in 0..times {
            let sequence = sequences.entry(id).or_insert(0);
            *sequence += 1;
            expected.push((id.to_owned(), *sequence));
        }
    }
    let other = vec![repository::Draft {
        event_type: "Other".to_owned(),
        event_version: "1.0".to_owned(),
        payload: "{}".to_owned(),
        metadata: "{}".into(),
    }];
    let repository = rig.repository(Options::default());
    repository
        .append(StreamId::new("other", "a"), 0, other)
        .await
        .unwrap();
    framework.execute("a", Command::Count(1)).await.unwrap();
    expected.push(("a".to_owned(), 6));
    expected
}

#[tokio::test]
async fn replays_go_in_the_logs_order() {
    let rig = Rig::new().await;
    let expected = fill(&rig).await;
    let (all, one, own) = (
        Recorder::default(),
        Recorder::default(),
        Recorder::default(),
    );
    let repository = || rig.repository(Options::default());
    QueryReplay::<_, _, Counter>::new(repository(), all.clone())
        .replay_all()
        .await
        .unwrap();
    assert_eq!(all.seen(), expected);
    QueryReplay::<_, _, Counter>::new(repository(), one.clone())
        .replay("b")
        .await
        .unwrap();
    let of_b: Vec<_> = expected
        .iter()
        .filter(|(id, _)| id == "b")
        .cloned()
        .collect();
    assert_eq!(one.seen(), of_b);
    let end = repository().replay::<Counter>(&own).await.unwrap();
    assert_eq!(own.seen(), expected);
    assert_eq!(end, rig.log.head().await.unwrap().position);
    let store = LogEventStore::<Counter>::new(repository());
    assert_eq!(store.load_events("b").await.unwrap().len(), of_b.len());
}

#[tokio::test]
async fn a_replay_that_breaks_off_says_so() {
    let rig = Rig::new().await;
    let expected = fill(&rig).await;
    let repository = || rig.repository(Options::default());
    let recorder = Recorder::default();
    rig.log.break_reads_after(1);
    let broken = repository().replay::<Counter>(&recorder).await;
    assert!(
        matches!(broken, Err(PersistenceError::ConnectionError(_))),
        "{broken:?}"
    );
    assert!(recorder.seen().len() < expected.len());

    rig.log.break_reads_after(1);
    let errors = Arc::new(Mutex::new(0));
    let mut replay = QueryReplay::<_, _, Counter>::new(repository(), Recorder::default());
    let count = Arc::clone(&errors);
    replay.use_error_handler(Box::new(move |_| *count.lock().unwrap() += 1));
    replay.replay_all().await.unwrap();
    assert_eq!(*errors.lock().unwrap(), 1);

    rig.log.break_reads_after(0);
    assert!(repository().stream_all_events::<Counter>().await.is_err());
    rig.log.break_reads_after(0);
    assert!(repository().stream_events::<Counter>("b").await.is_err());
}

#[tokio::test]
async fn old_events_are_read_in_their_present_form() {
    let rig = Rig::new().await;
    let repository = rig.repository(Options::default());
    let old = ["1.0", "1.0", "2.0"].map(|version| repository::Draft {
        event_type: "Counted".to_owned(),
        event_version: version.to_owned(),
        payload: match version {
            "1.0" => "5".to_owned(),
            _ => r#"{"Counted":{"by":7}}"#.to_owned(),
        },
        metadata: "{}".into(),
    });
    repository
        .append(StreamId::new("counter", "a"), 0, old.into())
        .await
        .unwrap();
    let upcaster = || -> Box<dyn EventUpcaster> {
        let up = |by| json!({ "Counted": { "by": by } });
        Box::new(SemanticVersionEventUpcaster::new(
            "Counted",
            "2.0",
            Box::new(up),
        ))
    };
    let store = PersistedEventStore::<_, Counter>::new_event_store(repository.clone());
    let store = store.with_upcasters(vec![upcaster()]);
    assert_eq!(store.load_aggregate("a").await.unwrap().aggregate.count, 17);
    let own = rig.repository(Options {
        upcasters: Upcasters::new(vec![upcaster()]),
        ..snapshots(2)
    });
    for _ in 0..2 {
        let store = LogEventStore::<Counter>::new(own.clone());
        let mut context = store.load_aggregate("a").await.unwrap();
        assert_eq!(cqrs_es::AggregateContext::aggregate(&mut context).count, 17);
    }
    let store = LogEventStore::<Counter>::new(repository);
    let unread = store.load_aggregate("a").await.map(drop);
    assert!(
        matches!(unread, Err(AggregateError::DeserializationError(_))),
        "{unread:?}"
    );
}

#[tokio::test]
async fn failures_are_told_apart() {
    let rig = Rig::new().await;
    let framework = rig.framework(vec![]);
    rig.log.plan([Fault::Unavailable]);
    let failed = framework.execute("a", Command::Count(1)).await;
    assert!(
        matches!(failed, Err(AggregateError::DatabaseConnectionError(_))),
        "{failed:?}"
    );
    rig.log.plan([Fault::UnknownBeforeStore]);
    let failed = framework.execute("a", Command::Count(1)).await;
    assert!(
        matches!(failed, Err(AggregateError::UnexpectedError(_))),
        "{failed:?}"
    );
}

fn request(key: &str, command: Command) -> Request<Command> {
    Request {
        command_id: Uuid::new_v5(&Uuid::NAMESPACE_OID, key.as_bytes()),
        fingerprint: Fingerprint(key.as_bytes().to_vec()),
        command,
        metadata: Metadata::default(),
        claims: Vec::new(),
        deadline: None,
    }
}

#[tokio::test]
async fn an_aggregate_runs_in_the_executor() {
    let rig = Rig::new().await;
    let executor = Executor::<CqrsDecider<Counter>>::new(
        rig.port(),
        rig.committer.clone(),
        rig.clock.clone(),
        Config::default(),
        rig.tasks.clone(),
        rig.shutdown.clone(),
    );
    // More events than tokio lets a task take locks in one turn.
    let all = (0..400).map(|n| executor.execute("a", request(&n.to_string(), Command::Count(2))));
    for answer in join_all(all).await {
        assert_eq!(answer.unwrap().events.len(), 2);
    }
    let count = executor
        .read("a", |counter, _, _| counter.count)
        .await
        .unwrap();
    assert_eq!(count, 800);
    let refused = executor
        .execute("a", request("zero", Command::Count(0)))
        .await;
    match refused {
        Err(Error::Refused { error, position }) => {
            assert_eq!(
                (error.to_string(), position),
                ("nothing to count".to_owned(), Position(800))
            );
        }
        other => panic!("{other:?}"),
    }
    let waits = executor.execute("a", request("wait", Command::Wait)).await;
    assert!(matches!(waits, Err(Error::Broken(_))), "{waits:?}");
    // The same stream, by the framework.
    rig.framework(vec![])
        .execute("a", Command::Count(1))
        .await
        .unwrap();
    executor
        .execute("a", request("more", Command::Count(1)))
        .await
        .unwrap();
    let count = executor
        .read("a", |counter, _, _| counter.count)
        .await
        .unwrap();
    assert_eq!(count, 802);
}
