//! Given / when / then.

mod draws;
mod settlements;

use super::{
    Beacon, CloseReason, Command, DrawMode, DrawResult, Drawn, ENTRY_BATCH, Entering, Entrant,
    Error, Event, FairDrop, Lot, Open, Outcome, Status, Step,
};
use crate::{
    aggregate::Aggregate,
    ids::OrganizerId,
    testing::{When, at, given, id, stored},
    time::Timestamp,
};

fn organizer() -> OrganizerId {
    id(7)
}

fn terms() -> Open {
    Open {
        organizer_id: organizer(),
        title: "Signed vinyl".to_owned(),
        stock: 2,
        win_probability: "0.5".to_owned(),
        price: 35,
        opens_at: at(0),
        closes_at: at(60),
        draw: DrawMode::AtClose,
        beacon: None,
        show_id: None,
        commitment: "c0".to_owned(),
    }
}

fn on_entry() -> Open {
    Open {
        draw: DrawMode::OnEntry,
        ..terms()
    }
}

fn with_beacon() -> Open {
    Open {
        beacon: Some(Beacon {
            source: "the evening news".to_owned(),
            round: 9,
        }),
        ..terms()
    }
}

/// A drop that waits for this round of a beacon whose times are known.
fn with_round(round: u64) -> Open {
    Open {
        beacon: Some(Beacon {
            source: "Drand quicknet".to_owned(),
            round,
        }),
        ..terms()
    }
}

/// The last round of that beacon that is published by `time`.
fn round_at(time: Timestamp) -> u64 {
    let since = time.timestamp() - 1_692_803_367;
    u64::try_from(since / 3 + 1).unwrap()
}

fn entrant(n: u128) -> Entrant {
    Entrant {
        entry_id: id(1_000 + n),
        customer_id: id(n),
        command_id: uuid::Uuid::from_u128(2_000 + n),
    }
}

fn enter(n: u128, lot: Option<u64>) -> Entering {
    Entering {
        entrant: entrant(n),
        lot: lot.map(Lot),
    }
}

/// A drop that lives: commands are decided, their events stored, read back and applied, what is due first.
#[derive(Default)]
struct Life {
    drop: FairDrop,
    events: Vec<Event>,
}

impl Life {
    fn opened(open: Open) -> Self {
        let mut life = Self::default();
        life.ask(&Command::Open(Box::new(open)), at(-1)).unwrap();
        life
    }

    fn ask(&mut self, command: &Command, now: Timestamp) -> Result<Vec<Event>, Error> {
        let due = self.drop.due(now);
        self.apply(&due);
        let events = self.drop.decide(command, now)?;
        self.apply(&events);
        Ok(events)
    }

    fn apply(&mut self, events: &[Event]) {
        for event in events {
            self.drop.evolve(&stored(event));
        }
        self.events.extend_from_slice(events);
        // A snapshot is as good as the events.
        assert_eq!(stored(&self.drop), self.drop);
    }

    fn enter(&mut self, customers: std::ops::RangeInclusive<u128>) {
        let entering = customers.map(|n| enter(n, None)).collect();
        self.ask(&Command::Enter { entering }, at(1)).unwrap();
    }

    fn close_and_seal(&mut self) {
        let entries = u32::try_from(self.drop.entry_ids().len()).unwrap();
        let root = "a0".to_owned();
        let seal = Command::Seal { root, entries };
        self.ask(&seal, at(60)).unwrap();
    }

    fn status(&self, n: u128) -> Status {
        self.drop.entry_of(id(n)).unwrap().0.status
    }
}

fn refusal(outcome: Result<Vec<Event>, Error>) -> &'static str {
    outcome.unwrap_err().code()
}

#[test]
fn opens_once_with_terms_that_can_be_kept() {
    let mut life = Life::opened(with_beacon());
    let again = life.ask(&Command::Open(Box::new(terms())), at(0));
    assert_eq!(again, Err(Error::AlreadyOpened));
    for (at_field, bad) in [
        (
            "title",
            Open {
                title: " ".to_owned(),
                ..terms()
            },
        ),
        (
            "stock",
            Open {
                stock: 0,
                ..terms()
            },
        ),
        (
            "win_probability",
            Open {
                win_probability: "5%".to_owned(),
                ..terms()
            },
        ),
        (
            "price",
            Open {
                price: -1,
                ..terms()
            },
        ),
        (
            "closes_at",
            Open {
                closes_at: at(0),
                ..terms()
            },
        ),
        (
            "beacon",
            Open {
                draw: DrawMode::OnEntry,
                ..with_beacon()
            },
        ),
    ] {
        is_refused_for(at_field, bad);
    }
}

fn is_refused_for(at_field: &str, bad: Open) {
    let open = Command::Open(Box::new(bad));
    let refused = FairDrop::default().decide(&open, at(0));
    assert!(
        matches!(&refused, Err(Error::Invalid { at, .. }) if *at == at_field),
        "{at_field}: {refused:?}"
    );
}

#[test]
fn what_could_never_be_drawn_or_proved_is_not_opened() {
    for (at_field, bad) in [
        (
            "opens_at",
            Open {
                opens_at: "-0001-12-31T00:00:00Z".parse().unwrap(),
                ..terms()
            },
        ),
        (
            "closes_at",
            Open {
                closes_at: "+10000-01-01T00:00:00Z".parse().unwrap(),
                ..terms()
            },
        ),
        ("beacon.round", with_round(0)),
        ("beacon.round", with_round(u64::MAX)),
        ("beacon.round", with_round(round_at(terms().closes_at))),
    ] {
        is_refused_for(at_field, bad);
    }
}

#[test]
fn a_beacon_that_is_published_after_the_close_is_waited_for() {
    let after = round_at(terms().closes_at) + 1;
    Life::opened(with_round(after));
}

#[test]
fn takes_one_entry_of_each_customer_from_opening_to_closing() {
    let mut life = Life::opened(terms());
    let one = |n| Command::Enter {
        entering: vec![enter(n, None)],
    };
    assert_eq!(
        life.ask(&one(1), at(-1)),
        Err(Error::NotOpenYet { opens_at: at(0) })
    );
    life.ask(&one(1), at(0)).unwrap();
    assert_eq!(life.ask(&one(1), at(1)), Ok(Vec::new()), "no second entry");
    let both = Command::Enter {
        entering: vec![
            enter(2, None),
            enter(2, None),
            enter(1, None),
            enter(3, None),
        ],
    };
    let events = life.ask(&both, at(2)).unwrap();
    assert_eq!(
        events,
        [Event::EntriesRecorded {
            organizer_id: organizer(),
            first: 1,
            entries: vec![entrant(2), entrant(3)]
        }]
    );
    let (entry, sequence) = life.drop.entry_of(id(3)).unwrap();
    assert_eq!((entry.entrant, sequence), (entrant(3), 3));
    assert_eq!(life.drop.entry_of(id(1)).unwrap().1, 2);
    assert_eq!(life.drop.wake_at(), Some(at(60)));
    assert_eq!(life.ask(&one(4), at(60)), Err(Error::Closed));
    assert_eq!(
        life.ask(&one(1), at(61)),
        Ok(Vec::new()),
        "a repeat is no new entry"
    );
    assert!(
        matches!(life.events.last(), Some(Event::DropClosed { reason: CloseReason::Time, entries: 3, closed_at, .. }) if *closed_at == at(60))
    );
}

#[test]
fn batches_are_bounded() {
    let mut life = Life::opened(terms());
    let entering = (0..=ENTRY_BATCH as u128).map(|n| enter(n, None)).collect();
    assert_eq!(
        refusal(life.ask(&Command::Enter { entering }, at(1))),
        "invalid_field"
    );
}

#[test]
fn the_list_is_sealed_after_the_close_and_the_beacon_comes_after_that() {
    let mut life = Life::opened(with_beacon());
    life.enter(1..=3);
    let seal = |entries| Command::Seal {
        root: "a0".to_owned(),
        entries,
    };
    let value = |value: &str| Command::RecordBeacon {
        organizer_id: organizer(),
        value: value.to_owned(),
        signature: Some("5e".to_owned()),
    };
    assert_eq!(refusal(life.ask(&seal(3), at(2))), "out_of_step");
    let close = Command::Close {
        organizer_id: organizer(),
        beacon_in_hand: false,
    };
    life.ask(&close, at(3)).unwrap();
    assert_eq!(life.drop.step(at(3)), Step::Seal);
    assert_eq!(refusal(life.ask(&value("b0"), at(4))), "out_of_step");
    assert_eq!(refusal(life.ask(&seal(2), at(4))), "out_of_step");
    life.ask(&seal(3), at(5)).unwrap();
    assert_eq!(life.drop.step(at(5)), Step::Beacon);
    assert_eq!(
        life.drop.wake_at(),
        Some(at(3)),
        "somebody has to ask for the beacon's value"
    );
    let draw = Command::Draw {
        from: 0,
        lots: vec![(0, Lot(1))],
    };
    assert_eq!(refusal(life.ask(&draw, at(5))), "out_of_step");
    life.ask(&value("b0"), at(6)).unwrap();
    assert_eq!(life.ask(&value("b0"), at(7)), Ok(Vec::new()));
    assert_eq!(life.ask(&value("b1"), at(7)), Err(Error::BeaconRecorded));
    assert_eq!(life.drop.step(at(7)), Step::Draw);
    assert_eq!(life.drop.wake_at(), Some(at(0)), "another instant");
    assert_eq!(life.ask(&close, at(8)), Ok(Vec::new()));
}

#[test]
fn another_organizers_drop_is_an_unknown_one() {
    let mut life = Life::opened(terms());
    let close = Command::Close {
        organizer_id: id(8),
        beacon_in_hand: false,
    };
    assert_eq!(life.ask(&close, at(1)), Err(Error::NotFound));
    given::<FairDrop>(&[])
        .when(&Command::Tick, at(1))
        .refused(&Error::NotFound);
}

#[test]
fn without_entries_it_is_over_at_the_close() {
    let mut life = Life::opened(terms());
    life.close_and_seal();
    assert_eq!(life.drop.step(at(60)), Step::Reveal);
    let reveal = Command::Reveal {
        secret: "5e".to_owned(),
    };
    life.ask(&reveal, at(61)).unwrap();
    assert_eq!(life.drop.step(at(61)), Step::Over);
    assert_eq!(life.ask(&reveal, at(62)), Ok(Vec::new()));
    assert_eq!(life.drop.wake_at(), None);
}
