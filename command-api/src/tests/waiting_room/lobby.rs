//! Before the doors open.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use domain::{
    DomainEvent,
    waiting_room::{Change, Event},
};
use event_store::Position;

use super::*;
use crate::waiting_room::{deal, public_value};

const ENTRANTS: u128 = 40;

/// The draw as the log has it, checked as anyone can check it.
async fn check_draw(api: &Api, drawn: &[(domain::waiting_room::Entrant, u64)]) {
    let log = &api.state.log;
    let events = log.read_all(Position(0), 1_000).await.unwrap();
    let flows: Vec<Event> = events
        .iter()
        .filter(|event| event.event_type == "FlowChanged")
        .map(|event| {
            let (kind, version) = (&event.stream.aggregate_type, &event.event_version);
            let decoded = DomainEvent::decode(kind, &event.event_type, version, &event.payload);
            match decoded.unwrap() {
                DomainEvent::WaitingRoom(event) => event,
                other => panic!("{other:?}"),
            }
        })
        .collect();
    let [
        Event::FlowChanged { commitment, .. },
        Event::FlowChanged {
            change: Change::Drawn,
            draw: Some(draw),
            ..
        },
    ] = &flows[..]
    else {
        panic!("{flows:?}");
    };
    let seed: Vec<u8> = (0..32)
        .map(|at| u8::from_str_radix(&draw.seed[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    assert_eq!(*commitment, hex::encode(digest(&SHA256, &seed).as_ref()));
    let lobby: Vec<_> = drawn.iter().map(|(entrant, _)| *entrant).collect();
    assert_eq!(draw.public_value, public_value(&lobby));
    for dealt in deal(draw, &lobby) {
        let of = drawn
            .iter()
            .find(|(entrant, _)| entrant.entry_id == dealt.entry_id);
        assert_eq!(of.unwrap().1, dealt.number);
    }
}

#[tokio::test]
async fn those_who_came_before_the_doors_are_drawn() {
    let api = Api::start().await;
    let settings = json!({"admit_per_second": 1, "max_active": 1});
    let show = api.room("2026-06-01T12:10:00Z", settings).await;
    let mut entries = Vec::new();
    for customer in 1..=ENTRANTS {
        let entry = api.enter(customer, &show).await.is(201);
        for field in ["queue_number", "ahead", "eta_seconds"] {
            assert!(entry[field].is_null(), "{field}: {entry}");
        }
        entries.push(entry);
    }
    let hold = api.hold_with(1, &show, &Value::Null, "A-1").await;
    hold.refused(425, "not_on_sale_yet");
    api.advance(600);
    let late = api.enter(ENTRANTS + 1, &show).await.is(201);
    assert_eq!(
        (&late["queue_number"], &late["ahead"]),
        (&json!(41), &json!(40)),
        "all who were there before are ahead"
    );
    api.manage();
    let mut drawn = Vec::new();
    for (entry, customer) in entries.iter().zip(1..) {
        let stands = api
            .entry_until(customer, &show, entry, |body| body["queue_number"].is_u64())
            .await;
        let entrant = domain::waiting_room::Entrant {
            number: u64::try_from(customer).unwrap(),
            entry_id: text(entry, "entry_id").parse().unwrap(),
            customer_id: super::super::fixtures::customer_id(customer).into(),
        };
        drawn.push((entrant, stands["queue_number"].as_u64().unwrap()));
    }
    let numbers: Vec<_> = drawn.iter().map(|(_, number)| *number).collect();
    let all: BTreeSet<_> = numbers.iter().copied().collect();
    assert_eq!(all, (1..=40).collect(), "each number once");
    assert!(!numbers.is_sorted(), "forty people in the order of arrival");
    check_draw(&api, &drawn).await;
    let first = drawn.iter().position(|(_, number)| *number == 1).unwrap();
    let customer = u128::try_from(first + 1).unwrap();
    api.until_admitted(customer, &show, &entries[first]).await;
    let waits = api.entry(ENTRANTS + 1, &show, &late).await.is(200);
    assert_eq!(waits["ahead"], 39);
}
