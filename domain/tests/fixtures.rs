//! Every event ever stored can be read: `fixtures/` keeps each version of each event as it stands in the log, beside
//! its expected current form.
//!
//! `seats_held.v1.json` is read as `SeatsHeld`, version 1; `seats_held.v1.standing.json` is another case of it.
//! Neither is ever changed: a new version gets a new file, and its predecessors' expected forms change with it.
#![expect(
    clippy::unwrap_used,
    reason = "a test that can't read its fixtures has failed"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use domain::{
    Aggregate, DecodeError, DomainEvent, concert::Concert, customer::Customer, drop::FairDrop,
    operation::Operation, payment::Payment, point_account::PointAccount, show::Show,
    stored::event_types, venue::Venue, waiting_room::WaitingRoom,
};
use serde_json::Value;

/// Aggregate type by event type.
fn known() -> BTreeMap<&'static str, &'static str> {
    fn of<A: Aggregate>() -> impl Iterator<Item = (&'static str, &'static str)> {
        event_types::<A::Event>()
            .iter()
            .map(|event_type| (*event_type, A::TYPE))
    }
    of::<Venue>()
        .chain(of::<Concert>())
        .chain(of::<Show>())
        .chain(of::<Payment>())
        .chain(of::<PointAccount>())
        .chain(of::<Customer>())
        .chain(of::<Operation>())
        .chain(of::<WaitingRoom>())
        .chain(of::<FairDrop>())
        .collect()
}

/// `seats_held` for `SeatsHeld`.
fn snake(event_type: &str) -> String {
    let mut name = String::new();
    for letter in event_type.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// An event as its own type writes it now.
fn rewritten(event: &DomainEvent) -> Value {
    match event {
        DomainEvent::Venue(event) => serde_json::to_value(event),
        DomainEvent::Concert(event) => serde_json::to_value(event),
        DomainEvent::Show(event) => serde_json::to_value(event),
        DomainEvent::Payment(event) => serde_json::to_value(event),
        DomainEvent::PointAccount(event) => serde_json::to_value(event),
        DomainEvent::Customer(event) => serde_json::to_value(event),
        DomainEvent::Operation(event) => serde_json::to_value(event),
        DomainEvent::WaitingRoom(event) => serde_json::to_value(event),
        DomainEvent::Drop(event) => serde_json::to_value(event),
    }
    .unwrap()
}

/// The stored fixtures: path, event type, version.
fn fixtures() -> Vec<(PathBuf, &'static str, String)> {
    let by_file: BTreeMap<String, &str> = known()
        .into_keys()
        .map(|event_type| (snake(event_type), event_type))
        .collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let paths = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    paths
        .filter(|path| !path.to_str().unwrap().ends_with(".expected.json"))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            let mut parts = name.split('.');
            let event = parts.next().and_then(|part| by_file.get(part));
            let version = parts.next().and_then(|part| part.strip_prefix('v'));
            let (Some(event), Some(version)) = (event, version) else {
                panic!("{name} is no event's");
            };
            (path.clone(), *event, version.to_owned())
        })
        .collect()
}

#[test]
fn every_stored_event_reads_as_its_current_form() {
    let known = known();
    for (path, event_type, version) in fixtures() {
        let payload = fs::read_to_string(&path).unwrap();
        let decoded = DomainEvent::decode(known[event_type], event_type, &version, &payload);
        let event = decoded.unwrap_or_else(|error| panic!("{}: {error:?}", path.display()));
        let expected = fs::read_to_string(path.with_extension("expected.json")).unwrap();
        let expected: Value = serde_json::from_str(&expected).unwrap();
        assert_eq!(rewritten(&event), expected, "{}", path.display());
    }
}

#[test]
fn every_event_has_a_fixture() {
    let kept: BTreeSet<&str> = fixtures()
        .into_iter()
        .map(|(_, event_type, _)| event_type)
        .collect();
    let events: BTreeSet<&str> = known().into_keys().collect();
    assert_eq!(
        events.len(),
        45,
        "a new event needs a fixture, and its name is permanent"
    );
    assert_eq!(
        events.difference(&kept).collect::<Vec<_>>(),
        Vec::<&&str>::new()
    );
}

#[test]
fn what_is_unknown_is_told_apart() {
    let read = |aggregate, event, version, payload| {
        DomainEvent::decode(aggregate, event, version, payload).unwrap_err()
    };
    let payload = r#"{"CustomerErased":{"customer_id":"019a0000-0005-7000-8000-000000000001"}}"#;
    assert!(matches!(
        read("lottery", "CustomerErased", "1", payload),
        DecodeError::UnknownAggregateType { aggregate_type } if aggregate_type == "lottery"
    ));
    assert!(matches!(
        read("customer", "SeatsHeld", "1", payload),
        DecodeError::UnknownEventType { event_type, .. } if event_type == "SeatsHeld"
    ));
    assert!(matches!(
        read("customer", "CustomerErased", "2", payload),
        DecodeError::UnknownEventVersion { event_version, .. } if event_version == "2"
    ));
    assert!(matches!(
        read("customer", "CustomerErased", "1", "{}"),
        DecodeError::Malformed { event_type, .. } if event_type == "CustomerErased"
    ));
    assert!(matches!(
        read("customer", "CustomerUpdated", "1", payload),
        DecodeError::Malformed { event_type, .. } if event_type == "CustomerUpdated"
    ));
}

#[test]
fn unknown_fields_are_ignored() {
    let payload =
        r#"{"CustomerErased":{"customer_id":"019a0000-0005-7000-8000-000000000001","by":"x"}}"#;
    assert!(DomainEvent::decode("customer", "CustomerErased", "1", payload).is_ok());
}
