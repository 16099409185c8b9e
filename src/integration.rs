//! Topics for outsiders: second records of some events, which the relay sends beside the log's own.

use domain::{Aggregate, drop::FairDrop, payment::Payment, show::Show, waiting_room::WaitingRoom};
use event_store::RecordedEvent;

/// A hold ran out: its seats are free again.
const SEAT_EXPIRED: &str = "seat.expired";
/// A reservation was paid.
const PAYMENT_COMPLETED: &str = "payment.completed";
/// Passes from a waiting room ran out unused: their places in it are others'.
const QUEUE_EXPIRED: &str = "queue.expired";
/// Entries of a drop were accepted.
const WAITING_QUEUE: &str = "waiting-queue-topic";
/// Entries of a drop were drawn, their winners paid or forfeited, or those who were next have lost.
const RESULT_NOTIFICATION: &str = "result-notification-topic";

/// Every topic that [`route`] may name.
pub const TOPICS: [&str; 5] = [
    SEAT_EXPIRED,
    PAYMENT_COMPLETED,
    QUEUE_EXPIRED,
    WAITING_QUEUE,
    RESULT_NOTIFICATION,
];

/// The topics that an event goes to. Names alone decide: payloads are for the receivers to read.
pub fn route(event: &RecordedEvent) -> Vec<&'static str> {
    let kind = (&*event.stream.aggregate_type, event.event_type.as_str());
    if kind == (Show::TYPE, "HoldExpired") {
        vec![SEAT_EXPIRED]
    } else if kind == (Payment::TYPE, "PaymentCompleted") {
        vec![PAYMENT_COMPLETED]
    } else if kind == (WaitingRoom::TYPE, "PassesExpired") {
        vec![QUEUE_EXPIRED]
    } else if kind == (FairDrop::TYPE, "EntriesRecorded") {
        vec![WAITING_QUEUE]
    } else if kind.0 == FairDrop::TYPE
        && matches!(
            kind.1,
            "EntriesDrawn" | "WinnersSettled" | "StandbysDismissed"
        )
    {
        vec![RESULT_NOTIFICATION]
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use domain::{drop, payment, show, stored::event_types, waiting_room};
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
        let drops = event_types::<drop::Event>().iter();
        let routed: Vec<_> = shows
            .map(|name| event(Show::TYPE, name))
            .chain(payments.map(|name| event(Payment::TYPE, name)))
            .chain(rooms.map(|name| event(WaitingRoom::TYPE, name)))
            .chain(drops.map(|name| event(FairDrop::TYPE, name)))
            .filter_map(|event| Some((event.event_type.clone(), *route(&event).first()?)))
            .collect();
        let expected = [
            ("HoldExpired", TOPICS[0]),
            ("PaymentCompleted", TOPICS[1]),
            ("PassesExpired", TOPICS[2]),
            ("EntriesRecorded", TOPICS[3]),
            ("EntriesDrawn", TOPICS[4]),
            ("WinnersSettled", TOPICS[4]),
            ("StandbysDismissed", TOPICS[4]),
        ];
        assert_eq!(
            routed,
            expected.map(|(name, topic)| (name.to_owned(), topic))
        );
    }
}
