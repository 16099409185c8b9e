//! A history has every event about its subject and no other, wherever they lie.

use event_store::{EventLog, Position, RecordedEvent};
use serde_json::Value;

use super::*;
use crate::verify::tests::world::{Folder, World};

struct Told {
    folder: Folder,
    log: std::sync::Arc<dyn EventLog>,
    events: Vec<RecordedEvent>,
}

impl Told {
    async fn new() -> Self {
        let folder = World::new().await.play().await;
        let log = folder.log().await;
        let events = log.read_all(Position(0), usize::MAX).await.unwrap();
        Self {
            folder,
            log,
            events,
        }
    }

    async fn types(&self, subject: &Subject) -> Vec<String> {
        let told = self.tell(subject, 0, MAX_EVENTS).await;
        assert!(told.items.is_sorted_by_key(|item| item.position));
        assert!(!told.truncated && told.next_cursor.is_none());
        told.items.into_iter().map(|item| item.event_type).collect()
    }

    async fn tell(&self, subject: &Subject, after: u64, limit: usize) -> History {
        let model = self.folder.read_model().await;
        let told = history(&*self.log, &*model, subject, after, limit).await;
        told.unwrap()
    }

    /// A field of the first event of a type that a condition holds of.
    fn field(&self, event_type: &str, name: &str, holds: impl Fn(&Value) -> bool) -> Uuid {
        let found = self.events.iter().find_map(|event| {
            let payload: Value = serde_json::from_str(&event.payload).unwrap();
            let fields = payload.get(event_type).filter(|fields| holds(fields))?;
            Some(fields[name].as_str().unwrap().parse().unwrap())
        });
        found.unwrap()
    }

    fn show(&self) -> Uuid {
        let held = |event: &&RecordedEvent| event.event_type == "SeatsHeld";
        let held = self.events.iter().find(held).unwrap();
        held.stream.aggregate_id.parse().unwrap()
    }

    fn holding(&self, seat: &str) -> Uuid {
        self.field("SeatsHeld", "reservation_id", |held| {
            held["seats"].to_string().contains(seat)
        })
    }
}

const LISTED: &str = "SeatsListed";

#[tokio::test]
async fn a_seat() {
    let told = Told::new().await;
    let seat = |guid: &str| Subject::Seat {
        show: told.show(),
        guid: guid.to_owned(),
    };
    // Sold, and given back.
    assert_eq!(
        told.types(&seat("1-3")).await,
        [
            LISTED,
            "SeatsHeld",
            "PaymentRequested",
            "PointsDebited",
            "ReservationConfirmed",
            "PaymentCompleted",
            "RefundRequested",
            "ReservationCancelled",
            "PointsCredited",
            "PaymentRefunded",
        ]
    );
    // Its payment is given up on the show's stream, without a word of the seat.
    let lost = told.types(&seat("1-4")).await;
    assert!(lost.contains(&"PaymentAbandoned".to_owned()), "{lost:?}");
    assert_eq!(
        told.types(&seat("2-1")).await,
        [LISTED, "SeatsHeld", "HoldExpired"]
    );
    assert_eq!(
        told.types(&seat("2-8")).await,
        [LISTED, "SeatsBlocked", "SeatsUnblocked"]
    );
    assert_eq!(told.types(&seat("2")).await, [""; 0]);

    let whole = told.tell(&seat("2-1"), 0, 9).await;
    let (listed, held, expired) = (&whole.items[0], &whole.items[1], &whole.items[2]);
    assert_eq!(listed.payload[LISTED]["rows"].as_array().unwrap().len(), 1);
    assert!(held.actor.as_ref().unwrap().starts_with("customer:"));
    assert!(held.detail.contains("seats=2-1"), "{}", held.detail);
    assert_eq!(expired.actor, None, "time alone did it");

    let first = told.tell(&seat("2-1"), 0, 2).await;
    assert_eq!(first.items.len(), 2);
    let after = first.next_cursor.unwrap().parse().unwrap();
    let second = told.tell(&seat("2-1"), after, 2).await;
    assert_eq!(second.items, whole.items[2..]);
    assert_eq!(second.next_cursor, None);
}

#[tokio::test]
async fn a_reservation_a_payment_and_its_saga() {
    let told = Told::new().await;
    let reservation = Subject::Reservation(told.holding("1-4"));
    let saga = [
        "SeatsHeld",
        "PaymentRequested",
        "HoldReleased",
        "PointsDebited",
        "PaymentAbandoned",
        "PointsCredited",
        "PaymentFailed",
    ];
    assert_eq!(told.types(&reservation).await, saga);
    let Subject::Reservation(id) = reservation else {
        unreachable!("it is one")
    };
    let payment = told.events.iter().find(|event| {
        event.event_type == "PaymentRequested" && event.payload.contains(&id.to_string())
    });
    let payment = payment.unwrap().stream.aggregate_id.parse().unwrap();
    let own: Vec<_> = saga
        .into_iter()
        .filter(|name| !["SeatsHeld", "HoldReleased"].contains(name))
        .collect();
    assert_eq!(told.types(&Subject::Payment(payment)).await, own);
    assert_eq!(told.types(&Subject::Saga(payment)).await, own);

    // One that is still under way is found by its claim.
    let live = told.types(&Subject::Reservation(told.holding("2-3"))).await;
    assert_eq!(live, ["SeatsHeld", "PaymentRequested"]);
}

#[tokio::test]
async fn a_customer() {
    let told = Told::new().await;
    let customer = told.field("SeatsHeld", "customer_id", |held| {
        held["seats"].to_string().contains("2-1")
    });
    let types = told.types(&Subject::Customer(customer)).await;
    let named = told
        .events
        .iter()
        .filter(|event| event.payload.contains(&customer.to_string()))
        // A drop's entries are its own story, by the drop.
        .filter(|event| &*event.stream.aggregate_type != "drop");
    let named: Vec<_> = named.map(|event| event.event_type.clone()).collect();
    assert_eq!(types, named);
    assert!(types.len() > 5, "{types:?}");
}

#[tokio::test]
async fn a_correlation_and_nothing() {
    let told = Told::new().await;
    let ids = told.events.iter().filter_map(RecordedEvent::correlation_id);
    for id in ids {
        let own = told
            .events
            .iter()
            .filter(|event| event.correlation_id().as_ref() == Some(&id));
        let own: Vec<_> = own.map(|event| event.event_type.clone()).collect();
        assert_eq!(told.types(&Subject::Correlation(id)).await, own);
    }
    let id = told.events[0].correlation_id();
    let page = told.tell(&Subject::Correlation(id.unwrap()), 0, 1).await;
    assert_eq!(page.items.len(), 1);
    assert_eq!(
        page.next_cursor.as_deref(),
        Some("1"),
        "the rest is not looked through yet"
    );
    for subject in [
        Subject::Correlation("none".to_owned()),
        Subject::Reservation(Uuid::nil()),
        Subject::Payment(Uuid::nil()),
        Subject::Customer(Uuid::from_u128(77)),
    ] {
        assert_eq!(told.types(&subject).await, [""; 0], "{subject:?}");
    }
}
