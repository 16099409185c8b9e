//! What events tell, by the events that were ever stored.

use std::{collections::BTreeSet, fs, path::Path};

use chrono::DateTime;
use event_store::{Position, StreamId};
use uuid::uuid;

use super::*;
use crate::notifications::KINDS;

const SHOW: Uuid = uuid!("019a0000-0004-7000-8000-000000000001");
const CUSTOMER: Uuid = uuid!("019a0000-0005-7000-8000-000000000001");
const ORGANIZER: Uuid = uuid!("019a0000-0001-7000-8000-000000000001");

fn recorded(aggregate_type: &str, payload: &str) -> RecordedEvent {
    let value: Value = serde_json::from_str(payload).unwrap();
    let event_type = value.as_object().unwrap().keys().next().unwrap();
    RecordedEvent {
        position: Position(7),
        shard: 0,
        epoch: 0,
        stream: StreamId::new(aggregate_type, SHOW.to_string()),
        sequence: 1,
        event_id: Uuid::from_u128(7),
        command_id: Uuid::nil(),
        routing_key: String::new(),
        event_type: event_type.clone(),
        event_version: "1".to_owned(),
        payload: payload.to_owned(),
        metadata: "{}".to_owned(),
        recorded_at: DateTime::UNIX_EPOCH,
    }
}

fn told(aggregate_type: &str, payload: &str) -> Vec<Fact> {
    let event = recorded(aggregate_type, payload);
    let told = facts(&event).unwrap();
    assert_eq!(
        told,
        facts(&event).unwrap(),
        "it depends on more than the event"
    );
    told
}

/// Every event that was ever stored, whatever aggregate it is said to be of: what names alone let through tells something.
#[test]
fn every_kind_comes_of_some_event_and_names_decide() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../domain/fixtures");
    let (mut kinds, mut for_organizers) = (BTreeSet::new(), BTreeSet::new());
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.to_string_lossy().contains(".expected.") {
            continue;
        }
        let payload = fs::read_to_string(&path).unwrap();
        for aggregate_type in ["show", "payment", "waiting_room", "drop", "customer"] {
            if let Ok(told) = facts(&recorded(aggregate_type, &payload)) {
                kinds.extend(told.iter().map(|fact| fact.kind));
                let with = told
                    .iter()
                    .filter(|fact| fact.organizer != Organizer::Nobody);
                for_organizers.extend(with.map(|fact| fact.kind));
                assert!(told.iter().all(|fact| fact.data.is_object()), "{path:?}");
            }
        }
    }
    assert_eq!(kinds, KINDS.into());
    kinds.retain(|kind| kind.is_for_organizers());
    assert_eq!(kinds, for_organizers);
}

#[test]
fn a_reservation_that_a_cancelled_show_undid_is_told_as_that() {
    let payload = |reason: &str| {
        format!(
            r#"{{"ReservationCancelled":{{"organizer_id":"{ORGANIZER}","reservation_id":"{SHOW}","customer_id":"{CUSTOMER}",
            "payment_id":"{SHOW}","reason":"{reason}","seats":["A-1"]}}}}"#
        )
    };
    let alone = told("show", &payload("refund"));
    let [refund] = alone.as_slice() else {
        panic!("{alone:?}");
    };
    assert_eq!(refund.kind, Kind::ReservationCancelled);
    assert_eq!(refund.customer, Some(CUSTOMER));
    assert_eq!(refund.organizer, Organizer::Known(ORGANIZER));
    assert_eq!(refund.subject, Uuid::from_u128(7));

    let both = told("show", &payload("show_cancelled"));
    let [customers, organizers] = both.as_slice() else {
        panic!("{both:?}");
    };
    assert_eq!(
        (customers.kind, customers.subject),
        (Kind::ShowCancelled, SHOW)
    );
    assert_eq!(customers.customer, Some(CUSTOMER));
    assert_eq!(customers.organizer, Organizer::Nobody);
    assert_eq!(organizers.kind, Kind::ReservationCancelled);
    assert_eq!(organizers.customer, None);
    assert_eq!(organizers.organizer, Organizer::Known(ORGANIZER));
}

#[test]
fn a_refund_tells_of_a_cancelled_show_if_that_asked_for_it() {
    let payload = format!(
        r#"{{"RefundRequested":{{"organizer_id":"{ORGANIZER}","reservation_id":"{SHOW}","show_id":"{SHOW}",
        "customer_id":"{CUSTOMER}","reason":"show_cancelled","resume_at":"2026-12-01T09:05:00Z"}}}}"#
    );
    let mut event = recorded("payment", &payload);
    // An organizer's words prove nothing.
    event.metadata = format!(r#"{{"actor":"organizer:{ORGANIZER}"}}"#);
    assert_eq!(facts(&event).unwrap(), []);
    event.metadata = r#"{"actor":"process_manager:show_cancellation"}"#.to_owned();
    let told = facts(&event).unwrap();
    let [fact] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!((fact.kind, fact.subject), (Kind::ShowCancelled, SHOW));
    assert_eq!(fact.customer, Some(CUSTOMER));
}

#[test]
fn what_a_newer_release_wrote_is_not_passed_over() {
    let mut event = recorded("show", r#"{"HoldExpired":{}}"#);
    assert!(facts(&event).is_err());
    "2".clone_into(&mut event.event_version);
    let error = facts(&event).unwrap_err().to_string();
    assert!(error.contains("HoldExpired at position 7"), "{error}");
    // What tells nothing need not be understood.
    let other = recorded("show", r#"{"SeatsPainted":{}}"#);
    assert_eq!(facts(&other).unwrap(), []);
}
