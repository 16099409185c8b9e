//! Topics for outsiders: second records of some events, which the relay sends beside the log's own.

use domain::{Aggregate, payment::Payment, show::Show, waiting_room::WaitingRoom};
use event_store::RecordedEvent;

/// A hold ran out: its seats are free again.
const SEAT_EXPIRED: &str = "seat.expired";
/// A reservation was paid.
const PAYMENT_COMPLETED: &str = "payment.completed";
/// Passes from a waiting room ran out unused: their places in it are others'.
const QUEUE_EXPIRED: &str = "queue.expired";

/// Every topic that [`route`] may name.
pub const TOPICS: [&str; 3] = [SEAT_EXPIRED, PAYMENT_COMPLETED, QUEUE_EXPIRED];

/// The topics that an event goes to. Names alone decide: payloads are for the receivers to read.
pub fn route(event: &RecordedEvent) -> Vec<&'static str> {
    let kind = (&*event.stream.aggregate_type, event.event_type.as_str());
    if kind == (Show::TYPE, "HoldExpired") {
        vec![SEAT_EXPIRED]
    } else if kind == (Payment::TYPE, "PaymentCompleted") {
        vec![PAYMENT_COMPLETED]
    } else if kind == (WaitingRoom::TYPE, "PassesExpired") {
        vec![QUEUE_EXPIRED]
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use domain::{payment, show, stored::event_types, waiting_room};
    use event_store::{Position, StreamId};
    use uuid::Uuid;

    use super::*;

    fn event(aggregate_type: &str, event_type: &str) -> RecordedEvent {
        RecordedEvent {
            position: Position(1),
            shard: 0,
            epoch: 0,
            stream: StreamId::new(aggregate_type, "x"),
            sequence: 1,
            event_id: Uuid::nil(),
            command_id: Uuid::nil(),
            routing_key: "x".to_owned(),
            event_type: event_type.to_owned(),
            event_version: "1".to_owned(),
            payload: "{}".to_owned(),
            metadata: "{}".to_owned(),
            recorded_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn each_topic_has_its_event_and_others_go_nowhere() {
        let shows = event_types::<show::Event>().iter();
        let payments = event_types::<payment::Event>().iter();
        let rooms = event_types::<waiting_room::Event>().iter();
        let routed: Vec<_> = shows
            .map(|name| event(Show::TYPE, name))
            .chain(payments.map(|name| event(Payment::TYPE, name)))
            .chain(rooms.map(|name| event(WaitingRoom::TYPE, name)))
            .filter_map(|event| Some((event.event_type.clone(), *route(&event).first()?)))
            .collect();
        let expected = [
            ("HoldExpired", TOPICS[0]),
            ("PaymentCompleted", TOPICS[1]),
            ("PassesExpired", TOPICS[2]),
        ];
        assert_eq!(
            routed,
            expected.map(|(name, topic)| (name.to_owned(), topic))
        );
    }
}
