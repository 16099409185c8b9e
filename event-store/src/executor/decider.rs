//! What an aggregate is to the executor: two functions, and how its events are stored.

use std::fmt::Debug;

use chrono::{DateTime, Utc};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    claims::ClaimChange,
    log::{RecordedEvent, StreamId},
};

/// What the executor needs to know of an aggregate: `decide` and `evolve` as functions, and how events are stored.
pub trait Decider: Send + Sync + 'static {
    /// The stream's `aggregate_type`.
    const TYPE: &'static str;
    /// Number of the state's serialised form.
    const SNAPSHOT_SCHEMA: u32;
    /// What is folded.
    type State: Default + Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// What can be asked.
    type Command: Debug + Clone + Send + Sync + 'static;
    /// What can have happened.
    type Event: Clone + Debug + Send + Sync + 'static;
    /// Why something is refused.
    type Error: std::error::Error + Clone + Send + Sync + 'static;

    /// The events that `command` brings about, or why not. No events: nothing to do.
    ///
    /// # Errors
    /// The aggregate's refusals.
    fn decide(
        state: &Self::State,
        command: &Self::Command,
        now: DateTime<Utc>,
    ) -> Result<Vec<Self::Event>, Self::Error>;

    /// Applies one event.
    fn evolve(state: &mut Self::State, event: &Self::Event);

    /// Events that time alone made due; recorded before a batch's commands are decided.
    fn due(_state: &Self::State, _now: DateTime<Utc>) -> Vec<Self::Event> {
        Vec::new()
    }

    /// The stream's timer after the append.
    fn wake_at(_state: &Self::State) -> Option<DateTime<Utc>> {
        None
    }

    /// The claims that an event sets or releases.
    fn claims(_stream: &StreamId, _event: &Self::Event) -> Vec<ClaimChange> {
        Vec::new()
    }

    /// The key by which the bus keeps order; asked of the state after the append.
    fn routing_key(id: &str, _state: &Self::State) -> String {
        id.to_owned()
    }

    /// An event as it is stored.
    fn encode(event: &Self::Event) -> Encoded;

    /// An event as it was stored, upcast to its present form.
    ///
    /// # Errors
    /// A text that says why the event can't be read.
    fn decode(event: &RecordedEvent) -> Result<Self::Event, String>;
}

/// An event's stored form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Name.
    pub event_type: String,
    /// Version of its form.
    pub event_version: String,
    /// JSON.
    pub payload: String,
}

impl Encoded {
    /// An event as serde writes it.
    ///
    /// # Panics
    /// The event can't be written as JSON: a defect of its type.
    pub fn json(event_type: &str, event_version: &str, event: &impl Serialize) -> Self {
        Self {
            event_type: event_type.to_owned(),
            event_version: event_version.to_owned(),
            payload: serde_json::to_string(event).expect("the event's type has a form in JSON"),
        }
    }
}
