//! The domain's aggregates as the executor runs them.

use std::marker::PhantomData;

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent as _;
use domain::{
    DomainEvent, concert, customer, drop, operation, payment, point_account, show, venue,
    waiting_room,
};
use event_store::{
    RecordedEvent, StreamId,
    claims::ClaimChange,
    executor::{Decider, Encoded},
};

/// An aggregate of the domain whose events can be told from the others'.
pub trait Stored: domain::Aggregate {
    /// The event, if it is one of this aggregate.
    fn own(event: DomainEvent) -> Option<Self::Event>;
}

macro_rules! stored {
    ($($aggregate:ty, $variant:ident;)*) => {$(
        impl Stored for $aggregate {
            fn own(event: DomainEvent) -> Option<Self::Event> {
                match event {
                    DomainEvent::$variant(event) => Some(event),
                    _ => None,
                }
            }
        }
    )*};
}

stored! {
    venue::Venue, Venue;
    concert::Concert, Concert;
    show::Show, Show;
    payment::Payment, Payment;
    point_account::PointAccount, PointAccount;
    customer::Customer, Customer;
    operation::Operation, Operation;
    waiting_room::WaitingRoom, WaitingRoom;
    drop::FairDrop, Drop;
}

/// Runs the aggregate `A` on the executor: the glue between two crates that don't know each other.
#[derive(Debug)]
pub struct Deciding<A>(PhantomData<fn() -> A>);

impl<A: Stored> Decider for Deciding<A> {
    const TYPE: &'static str = A::TYPE;
    const SNAPSHOT_SCHEMA: u32 = A::SNAPSHOT_SCHEMA;
    type State = A;
    type Command = A::Command;
    type Event = A::Event;
    type Error = A::Error;

    fn decide(
        state: &A,
        command: &A::Command,
        now: DateTime<Utc>,
    ) -> Result<Vec<A::Event>, A::Error> {
        state.decide(command, now)
    }

    fn evolve(state: &mut A, event: &A::Event) {
        state.evolve(event);
    }

    fn due(state: &A, now: DateTime<Utc>) -> Vec<A::Event> {
        state.due(now)
    }

    fn wake_at(state: &A) -> Option<DateTime<Utc>> {
        state.wake_at()
    }

    fn claims(stream: &StreamId, event: &A::Event) -> Vec<ClaimChange> {
        let change = |change| match change {
            domain::ClaimChange::Set { namespace, key } => ClaimChange::Set {
                namespace: namespace.to_owned(),
                key,
                stream: stream.clone(),
            },
            domain::ClaimChange::Release { namespace, key } => ClaimChange::Release {
                namespace: namespace.to_owned(),
                key,
                stream: stream.clone(),
            },
        };
        A::claims(event).into_iter().map(change).collect()
    }

    fn routing_key(id: &str, state: &A) -> String {
        state.routing_key(id)
    }

    fn encode(event: &A::Event) -> Encoded {
        Encoded {
            event_type: event.event_type(),
            event_version: event.event_version(),
            payload: serde_json::to_string(event)
                .expect("events have string keys and no fallible serializer"),
        }
    }

    fn decode(event: &RecordedEvent) -> Result<A::Event, String> {
        decode::<A>(event)
    }
}

/// A stored event of the aggregate `A` in its present form.
///
/// # Errors
/// A text that says why the event can't be read.
pub fn decode<A: Stored>(event: &RecordedEvent) -> Result<A::Event, String> {
    let at = |cause: &dyn std::fmt::Display| {
        format!("the event at position {}: {cause}", event.position)
    };
    let decoded = DomainEvent::decode(
        A::TYPE,
        &event.event_type,
        &event.event_version,
        &event.payload,
    );
    A::own(decoded.map_err(|error| at(&error))?).ok_or_else(|| at(&"of another aggregate"))
}
