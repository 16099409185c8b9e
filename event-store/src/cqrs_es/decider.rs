//! A cqrs-es aggregate in the executor.

use std::{error::Error, fmt, marker::PhantomData, sync::Arc};

use chrono::{DateTime, Utc};
use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use futures::FutureExt;
use tokio::task::coop::unconstrained;

use crate::{
    executor::{Decider, Encoded},
    log::RecordedEvent,
};

/// Runs a cqrs-es aggregate in the [`crate::Executor`].
///
/// The executor decides without waiting, so `handle` must not await anything but its sink: a handler that awaits a service is
/// answered with [`crate::executor::Error::Broken`]. Services come from `Default`. The state is cloned for each command, because
/// `handle` changes it. Events are read in the form they were stored in, without upcasters.
#[derive(Debug)]
pub struct CqrsDecider<A>(PhantomData<fn() -> A>);

/// A refusal of the aggregate; cheap to clone, which cqrs-es does not ask of its errors.
pub struct Refusal<E>(pub Arc<E>);

impl<E> Clone for Refusal<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E: fmt::Debug> fmt::Debug for Refusal<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: fmt::Display> fmt::Display for Refusal<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: Error> Error for Refusal<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl<A> Decider for CqrsDecider<A>
where
    A: Aggregate + Clone + fmt::Debug + 'static,
    A::Command: Clone + fmt::Debug + Send + Sync + 'static,
    A::Event: 'static,
    A::Error: Send + Sync + 'static,
    A::Services: Default,
{
    const TYPE: &'static str = A::TYPE;
    const SNAPSHOT_SCHEMA: u32 = 1;
    type State = A;
    type Command = A::Command;
    type Event = A::Event;
    type Error = Refusal<A::Error>;

    fn decide(
        state: &A,
        command: &A::Command,
        _now: DateTime<Utc>,
    ) -> Result<Vec<A::Event>, Self::Error> {
        let mut aggregate = state.clone();
        let sink = EventSink::default();
        let services = A::Services::default();
        let handled = aggregate.handle(command.clone(), &services, &sink);
        // The sink is behind one of tokio's locks, which would make even it wait once the task had its share of the scheduler.
        match unconstrained(handled).now_or_never() {
            Some(Ok(())) => {}
            Some(Err(error)) => return Err(Refusal(Arc::new(error))),
            None => panic!("the handler of {} waits for a service", A::TYPE),
        }
        let collected = unconstrained(sink.collect()).now_or_never();
        Ok(collected.expect("collecting takes the events out and waits for nothing"))
    }

    fn evolve(state: &mut A, event: &A::Event) {
        state.apply(event.clone());
    }

    fn encode(event: &A::Event) -> Encoded {
        Encoded {
            event_type: event.event_type(),
            event_version: event.event_version(),
            payload: serde_json::to_string(event)
                .expect("cqrs-es asks that events can be serialised"),
        }
    }

    fn decode(event: &RecordedEvent) -> Result<A::Event, String> {
        serde_json::from_str(&event.payload).map_err(|error| error.to_string())
    }
}
