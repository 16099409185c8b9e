//! An account: small, and with everything that the executor serves.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    claims::ClaimChange,
    executor::{Decider, Encoded},
    log::{RecordedEvent, StreamId},
};

#[derive(Debug)]
pub(super) struct Account;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) balance: i64,
    pub(super) frozen_until: Option<DateTime<Utc>>,
    /// Makes a state that is folded twice differ.
    pub(super) changes: u64,
}

#[derive(Debug, Clone)]
pub(super) enum Command {
    Deposit(i64),
    Withdraw(i64),
    /// Takes everything out, in one event for each unit.
    Empty,
    Rename(String),
    Freeze(TimeDelta),
    /// Brings about an event that can't be stored.
    Bloat,
    Panic,
    /// Takes as long as this to be decided.
    Ponder(Duration),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Event {
    Deposited { amount: i64, balance: i64 },
    Withdrawn { amount: i64, balance: i64 },
    Renamed { name: String },
    Frozen { until: DateTime<Utc> },
    Thawed { at: DateTime<Utc> },
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("only {0} left")]
    NotEnough(i64),
    #[error("the account is frozen")]
    Frozen,
}

impl Decider for Account {
    const TYPE: &'static str = "account";
    const SNAPSHOT_SCHEMA: u32 = 3;
    type State = State;
    type Command = Command;
    type Event = Event;
    type Error = Refusal;

    fn decide(state: &State, command: &Command, now: DateTime<Utc>) -> Result<Vec<Event>, Refusal> {
        if state.frozen_until.is_some() {
            return Err(Refusal::Frozen);
        }
        let withdrawn = |amount, balance| Event::Withdrawn { amount, balance };
        Ok(match command {
            Command::Deposit(amount) => vec![Event::Deposited {
                amount: *amount,
                balance: state.balance + amount,
            }],
            Command::Withdraw(amount) if *amount > state.balance => {
                return Err(Refusal::NotEnough(state.balance));
            }
            Command::Withdraw(amount) => vec![withdrawn(*amount, state.balance - amount)],
            Command::Empty => (0..state.balance)
                .rev()
                .map(|left| withdrawn(1, left))
                .collect(),
            Command::Rename(name) => vec![Event::Renamed { name: name.clone() }],
            Command::Freeze(span) => vec![Event::Frozen { until: now + *span }],
            Command::Bloat => vec![Event::Renamed {
                name: "x".repeat(crate::log::MAX_EVENT_BYTES),
            }],
            Command::Panic => panic!("told to"),
            Command::Ponder(time) => {
                let begun = Instant::now();
                while begun.elapsed() < *time {}
                vec![Event::Deposited {
                    amount: 1,
                    balance: state.balance + 1,
                }]
            }
        })
    }

    fn evolve(state: &mut State, event: &Event) {
        state.changes += 1;
        match event {
            Event::Deposited { balance, .. } | Event::Withdrawn { balance, .. } => {
                state.balance = *balance;
            }
            Event::Renamed { .. } => {}
            Event::Frozen { until } => state.frozen_until = Some(*until),
            Event::Thawed { .. } => state.frozen_until = None,
        }
    }

    fn due(state: &State, now: DateTime<Utc>) -> Vec<Event> {
        let due = state.frozen_until.filter(|until| *until <= now);
        due.map(|at| Event::Thawed { at }).into_iter().collect()
    }

    fn wake_at(state: &State) -> Option<DateTime<Utc>> {
        state.frozen_until
    }

    fn claims(stream: &StreamId, event: &Event) -> Vec<ClaimChange> {
        let Event::Renamed { name } = event else {
            return Vec::new();
        };
        vec![ClaimChange::Set {
            namespace: "name".to_owned(),
            key: name.clone(),
            stream: stream.clone(),
        }]
    }

    fn routing_key(id: &str, state: &State) -> String {
        format!("{id}-{}", state.balance)
    }

    fn encode(event: &Event) -> Encoded {
        Encoded {
            event_type: match event {
                Event::Deposited { .. } => "Deposited",
                Event::Withdrawn { .. } => "Withdrawn",
                Event::Renamed { .. } => "Renamed",
                Event::Frozen { .. } => "Frozen",
                Event::Thawed { .. } => "Thawed",
            }
            .to_owned(),
            event_version: "1.0".to_owned(),
            payload: serde_json::to_string(event).unwrap(),
        }
    }

    fn decode(event: &RecordedEvent) -> Result<Event, String> {
        serde_json::from_str(&event.payload).map_err(|error| error.to_string())
    }
}

/// A plain fold of stored events, beside the executor.
pub(super) fn fold(events: &[RecordedEvent]) -> State {
    let mut state = State::default();
    for event in events {
        Account::evolve(&mut state, &Account::decode(event).unwrap());
    }
    state
}
