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
        let refusals = self.folder.refusals().await;
        let sources = Sources {
            log: &*self.log,
            model: &*model,
            refusals: &*refusals,
        };
        history(sources, subject, after, limit).await.unwrap()
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

fn correlation(id: impl Into<String>) -> Subject {
    Subject::Correlation {
        id: id.into(),
        to: u64::MAX,
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
        .filter(|event| event.payload.contains(&customer.to_string()));
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
        assert_eq!(told.types(&correlation(id)).await, own);
    }
    let id = told.events[0].correlation_id();
    let page = told.tell(&correlation(id.clone().unwrap()), 0, 1).await;
    assert_eq!(page.items.len(), 1);
    assert_eq!(
        page.next_cursor.as_deref(),
        Some("1"),
        "the rest is not looked through yet"
    );
    // Of a part of the log, what is in it; the page says that nothing is left.
    let part = Subject::Correlation {
        id: id.unwrap(),
        to: 1,
    };
    let part = told.tell(&part, 0, MAX_EVENTS).await;
    assert_eq!((part.items.len(), part.next_cursor), (1, None));
    assert_eq!(part.position, told.events.len() as u64);
    for subject in [
        correlation("none"),
        Subject::Reservation(Uuid::nil()),
        Subject::Payment(Uuid::nil()),
        Subject::Customer(Uuid::from_u128(77)),
    ] {
        assert_eq!(told.types(&subject).await, [""; 0], "{subject:?}");
    }
}

/// What was refused, as `code command`, and about what.
fn refused(told: &History) -> Vec<(String, usize)> {
    let each = told.refusals.iter();
    each.map(|refused| {
        let what = format!("{} {}", refused.code, refused.command);
        (what, refused.about.len())
    })
    .collect()
}

fn expected(refusals: &[(&str, usize)]) -> Vec<(String, usize)> {
    let each = refusals.iter();
    each.map(|(what, about)| ((*what).to_owned(), *about))
        .collect()
}

#[tokio::test]
async fn what_was_refused_stands_beside_it() {
    const LOST: (&str, usize) = ("seats_unavailable hold_seats", 1);
    const EXTENDED: (&str, usize) = ("already_confirmed extend_hold", 1);
    const PAID: (&str, usize) = ("already_paid pay", 1);
    let told = Told::new().await;
    let seat = |guid: &str| Subject::Seat {
        show: told.show(),
        guid: guid.to_owned(),
    };
    let reservation = told.holding("1-1");
    let lost = told.tell(&seat("1-1"), 0, MAX_EVENTS).await;
    let all = [LOST, LOST, EXTENDED, PAID];
    let mut found = refused(&lost);
    found.sort();
    let mut all = expected(&all);
    all.sort();
    assert_eq!(found, all, "the seat's, and its reservation's");
    let mut seats = lost.refusals.iter();
    let first = seats
        .find(|refused| refused.command == "hold_seats")
        .unwrap();
    assert_eq!(first.actor, format!("customer:{}", Uuid::from_u128(3)));
    assert!(first.detail.contains("1-1"), "{}", first.detail);
    let mut sold = lost.items.iter();
    let sold_at = sold.find(|item| item.event_type == "ReservationConfirmed");
    assert!(sold_at.unwrap().position < first.position);
    let counts: Vec<_> = lost
        .refusal_counts
        .iter()
        .map(|count| count.refused)
        .collect();
    assert_eq!(counts, [2, 2], "of the reservation, and of the seat");

    // A free seat that was asked for beside it was lost with it.
    let beside = told.tell(&seat("2-5"), 0, MAX_EVENTS).await;
    assert_eq!(refused(&beside), expected(&[LOST]));
    let reservation = told
        .tell(&Subject::Reservation(reservation), 0, MAX_EVENTS)
        .await;
    let mut found = refused(&reservation);
    found.sort();
    assert_eq!(found, expected(&[EXTENDED, PAID]));
    let payment = told.field("RefundRequested", "reservation_id", |_| true);
    let payment = told
        .tell(&Subject::Reservation(payment), 0, MAX_EVENTS)
        .await;
    assert_eq!(
        refused(&payment),
        expected(&[("already_refunded refund_payment", 1)])
    );

    // A customer's are told once, whatever they were about; one that named no seat there is, too.
    let customer = Subject::Customer(Uuid::from_u128(3));
    let own = told.tell(&customer, 0, MAX_EVENTS).await;
    assert_eq!(
        refused(&own),
        expected(&[
            LOST,
            ("seats_unavailable hold_seats", 2),
            ("unknown_seats hold_seats", 1)
        ])
    );
    let id = own.refusals[1].correlation_id.clone().unwrap();
    let one = told.tell(&correlation(id), 0, MAX_EVENTS).await;
    assert_eq!(one.refusals, own.refusals[1..2]);
}

#[tokio::test]
async fn pages_tell_each_refusal_once() {
    let told = Told::new().await;
    let customer = Subject::Customer(Uuid::from_u128(3));
    let whole = told.tell(&customer, 0, MAX_EVENTS).await;
    assert_eq!(whole.refusals.len(), 3);
    let (mut refusals, mut items, mut after) = (Vec::new(), Vec::new(), 0);
    loop {
        let page = told.tell(&customer, after, 2).await;
        // Each stands within its page: behind what comes before, and before what follows.
        let last = page.items.last().map_or(u64::MAX, |item| item.position);
        let within =
            |position: u64| position >= after && (page.next_cursor.is_none() || position < last);
        assert!(page.refusals.iter().all(|refused| within(refused.position)));
        items.extend(page.items);
        refusals.extend(page.refusals);
        let Some(next) = page.next_cursor else { break };
        after = next.parse().unwrap();
    }
    assert_eq!((items, refusals), (whole.items, whole.refusals));
}

#[tokio::test]
async fn a_drop_and_who_entered_it() {
    let told = Told::new().await;
    let opened = |event: &&RecordedEvent| event.event_type == "DropOpened";
    let opened = told.events.iter().find(opened).unwrap();
    let id: Uuid = opened.stream.aggregate_id.parse().unwrap();
    let whole = told.tell(&Subject::Drop(id), 0, MAX_EVENTS).await;
    let types: Vec<_> = whole.items.iter().map(|item| &*item.event_type).collect();
    let own = told
        .events
        .iter()
        .filter(|event| event.stream == opened.stream);
    assert_eq!(
        types,
        own.map(|event| &*event.event_type).collect::<Vec<_>>()
    );
    let says = |event_type: &str| {
        let mut items = whole.items.iter();
        let item = items.find(|item| item.event_type == event_type).unwrap();
        item.payload[event_type].clone()
    };
    assert_eq!(
        says("EntriesDrawn")["drawn"],
        serde_json::json!({"count": 2, "won": 2})
    );
    assert_eq!(says("DropClosed")["entries"], 2, "a length stays one");

    // Of two who entered, one has the own entries alone.
    let customer = told
        .tell(&Subject::Customer(Uuid::from_u128(4)), 0, MAX_EVENTS)
        .await;
    let mut drawn = customer.items.iter();
    let drawn = drawn
        .find(|item| item.event_type == "EntriesDrawn")
        .unwrap();
    let entries = drawn.payload["EntriesDrawn"]["drawn"].as_array().unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["customer_id"], Uuid::from_u128(4).to_string());
    for part in ["result=won", "lot=", "index="] {
        assert!(drawn.detail.contains(part), "{}", drawn.detail);
    }
}
