//! The executor on the SQLite log, with faults.

mod account;
mod batches;
mod conflicts;
mod interleavings;
mod lifecycle;
mod several;
mod time;
mod unknown;

use std::collections::HashMap;

use futures::future::join_all;
use uuid::Uuid;

use self::account::{Account, Command, Event, Refusal, fold};
use super::{Answer, Config, Decider, Error, Executor, Metadata, Request};
use crate::{
    commands::{self, CommandRecord, Fingerprint},
    committer::Committer,
    log::{Append, EventLog, NewEvent, RecordedEvent, StreamAppend, StreamId},
    testing::Rig,
    timers::WakeAt,
};

type Result<T = Answer<Event>> = std::result::Result<T, Error<Refusal>>;

impl Rig {
    fn executor(&self, config: Config) -> Executor<Account> {
        Executor::new(
            self.port(),
            self.committer.clone(),
            self.clock.clone(),
            config,
            self.tasks.clone(),
            self.shutdown.clone(),
        )
    }

    /// An executor as in another process: with a committer of its own.
    fn another_executor(&self, config: Config) -> Executor<Account> {
        Executor::new(
            self.port(),
            Committer::start(self.port(), &self.tasks, self.shutdown.clone()),
            self.clock.clone(),
            config,
            self.tasks.clone(),
            self.shutdown.clone(),
        )
    }

    async fn events(&self, id: &str) -> Vec<RecordedEvent> {
        self.log.read_stream(&stream(id), 0, 10_000).await.unwrap()
    }

    /// What the log says about an account.
    async fn folded(&self, id: &str) -> account::State {
        fold(&self.events(id).await)
    }
}

fn stream(id: &str) -> StreamId {
    StreamId::new(Account::TYPE, id)
}

/// A request with an id of its own for each key.
fn request(key: &str, command: Command) -> Request<Command> {
    let content = format!("{command:?}");
    Request {
        command_id: Uuid::new_v5(&Uuid::NAMESPACE_OID, key.as_bytes()),
        fingerprint: Fingerprint(content.into_bytes().into_iter().take(32).collect()),
        command,
        metadata: Metadata([("actor".to_owned(), key.to_owned())].into()),
        claims: Vec::new(),
        deadline: None,
    }
}

/// What another process appends to the account "a".
fn by_rival(key: &str, expected_version: u64, event: &Event) -> Append {
    let encoded = Account::encode(event);
    let Request {
        command_id,
        fingerprint,
        ..
    } = request(key, Command::Empty);
    Append {
        streams: vec![StreamAppend {
            stream: stream("a"),
            expected_version,
            routing_key: "a".to_owned(),
            events: vec![NewEvent {
                event_id: commands::event_id(command_id, 0),
                command_id,
                event_type: encoded.event_type,
                event_version: encoded.event_version,
                payload: encoded.payload,
                metadata: "{}".into(),
            }],
            wake_at: WakeAt::Keep,
        }],
        commands: vec![CommandRecord {
            command_id,
            fingerprint,
            first_event: 0,
            events: 1,
        }],
        claims: Account::claims(&stream("a"), event),
        recorded_at: chrono::DateTime::UNIX_EPOCH,
    }
}

/// A deposit of 100 by another process.
fn rivals_deposit(expected_version: u64, balance: i64) -> Append {
    let amount = 100;
    let name = format!("rival {expected_version}");
    by_rival(
        &name,
        expected_version,
        &Event::Deposited { amount, balance },
    )
}

/// Asks everything at once. On a runtime with one thread all of it is one batch.
async fn all(
    executor: &Executor<Account>,
    id: &str,
    requests: Vec<Request<Command>>,
) -> Vec<Result> {
    join_all(
        requests
            .into_iter()
            .map(|request| executor.execute(id, request)),
    )
    .await
}

async fn balance(executor: &Executor<Account>, id: &str) -> (i64, u64) {
    let look = |state: &account::State, version, _| (state.balance, version);
    executor.read(id, look).await.unwrap()
}

/// How many events each command has.
fn by_command(events: &[RecordedEvent]) -> HashMap<Uuid, usize> {
    let mut counts = HashMap::new();
    for event in events {
        *counts.entry(event.command_id).or_default() += 1;
    }
    counts
}

fn assert_dense(events: &[RecordedEvent]) {
    let sequences: Vec<u64> = events.iter().map(|event| event.sequence).collect();
    let dense: Vec<u64> = (1..=events.len() as u64).collect();
    assert_eq!(sequences, dense);
}

/// Waits for what another task does.
async fn until<F: Future<Output = bool>>(condition: impl Fn() -> F) {
    let come_true = async {
        while !condition().await {
            tokio::task::yield_now().await;
        }
    };
    let patience = std::time::Duration::from_secs(20);
    tokio::time::timeout(patience, come_true)
        .await
        .expect("it did not come true in time");
}
