//! What every aggregate of this crate offers to the machinery that runs it.

use std::fmt::Debug;

use cqrs_es::{DomainEvent, event_sink::EventSink};
use serde::{Serialize, de::DeserializeOwned};

use crate::time::Timestamp;

/// A change to the command-side index that an event brings with it.
///
/// A claim is a unique `(namespace, key)` that points at a stream. Claims are pure functions of events, so an import
/// can rebuild them and an audit can check them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimChange {
    /// Take `(namespace, key)` for the event's stream; refused while another append holds it.
    Set {
        /// Kind of claim, for example `reservation`.
        namespace: &'static str,
        /// Unique within the namespace.
        key: String,
    },
    /// Give `(namespace, key)` back.
    Release {
        /// Kind of claim.
        namespace: &'static str,
        /// Unique within the namespace.
        key: String,
    },
}

/// A consistency boundary: state folded from one stream, and the rules that extend it.
pub trait Aggregate:
    Default + Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The stream's `aggregate_type` in the log; permanent.
    const TYPE: &'static str;
    /// Raised whenever the state's serialised form changes: older snapshots are then ignored.
    const SNAPSHOT_SCHEMA: u32;
    /// What can be asked.
    type Command: Debug + Clone + Send + Sync + 'static;
    /// What can have happened.
    type Event: DomainEvent + 'static;
    /// Why something was refused.
    type Error: std::error::Error + Clone + PartialEq + Send + Sync + 'static;

    /// The events that `command` brings about at `now`, or the reason why not. An `Ok` with no events means that the
    /// command had already taken effect.
    ///
    /// # Errors
    /// The aggregate's own refusals.
    fn decide(
        &self,
        command: &Self::Command,
        now: Timestamp,
    ) -> Result<Vec<Self::Event>, Self::Error>;

    /// Applies one event that happened. Total: an event that is in the log is never refused.
    fn evolve(&mut self, event: &Self::Event);

    /// Events that time alone has made due at `now`. Recorded before any command of the same batch is decided.
    fn due(&self, _now: Timestamp) -> Vec<Self::Event> {
        Vec::new()
    }

    /// When the stream next wants attention without a command: `None` when never.
    fn wake_at(&self) -> Option<Timestamp> {
        None
    }

    /// The changes to the command-side index that `event` of the stream `id` brings.
    fn claims(_event: &Self::Event) -> Vec<ClaimChange> {
        Vec::new()
    }

    /// The key by which the stream's events are partitioned: events of one key keep their order on the bus.
    /// Called on the state after the append; `id` is the stream's `aggregate_id`.
    fn routing_key(&self, id: &str) -> String {
        id.to_owned()
    }
}

/// What the `cqrs_es::Aggregate` implementations of this crate are given from outside: the time, nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Services {
    /// The instant at which the command is decided.
    pub now: Timestamp,
}

/// Runs one command the way cqrs-es wants it: what is due is recorded first, then the command is decided.
///
/// # Errors
/// The aggregate's own refusals.
pub(crate) async fn handle<A>(
    aggregate: &mut A,
    command: <A as Aggregate>::Command,
    services: &Services,
    sink: &EventSink<A>,
) -> Result<(), <A as Aggregate>::Error>
where
    A: Aggregate + cqrs_es::Aggregate<Event = <A as Aggregate>::Event>,
{
    for event in aggregate.due(services.now) {
        sink.write(event, aggregate).await;
    }
    for event in aggregate.decide(&command, services.now)? {
        sink.write(event, aggregate).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use cqrs_es::{CqrsFramework, EventStore as _, mem_store::MemStore};

    use super::Services;
    use crate::{
        payment::{Command, METHOD, Payment, Status},
        point_account::{self, PointAccount},
        testing::{at, id},
    };

    #[tokio::test]
    async fn aggregates_run_on_plain_cqrs_es() {
        let store = MemStore::<PointAccount>::default();
        let cqrs = CqrsFramework::new(store.clone(), vec![], Services { now: at(0) });
        let charge = point_account::Command::Charge {
            customer_id: id(1),
            charge_id: id(2),
            amount: 70,
        };
        cqrs.execute("anna", charge).await.unwrap();
        let debit = |payment, amount| point_account::Command::Debit {
            customer_id: id(1),
            payment_id: id(payment),
            amount,
        };
        cqrs.execute("anna", debit(3, 50)).await.unwrap();
        assert!(cqrs.execute("anna", debit(4, 50)).await.is_err());
        assert_eq!(store.load_events("anna").await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn time_comes_from_the_services() {
        use cqrs_es::{Aggregate as _, event_sink::EventSink};
        let mut payment = Payment::default();
        let request = Command::Request {
            reservation_id: id(1),
            show_id: id(2),
            customer_id: id(3),
            organizer_id: id(4),
            amount: 1,
            method: METHOD.to_owned(),
        };
        let sink = EventSink::default();
        payment
            .handle(request, &Services { now: at(5) }, &sink)
            .await
            .unwrap();
        assert_eq!(
            (payment.status, payment.resume_at),
            (Status::Running, Some(at(15)))
        );
        assert_eq!(sink.collect().await.len(), 1);
    }
}
