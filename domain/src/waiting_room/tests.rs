//! Given / when / then.

use super::{
    ADMISSION_BATCH, BLOCK, Change, Command, Draw, Entrant, Error, Event, Reason, Settings,
    WaitingRoom,
};
use crate::{
    aggregate::Aggregate,
    ids::OrganizerId,
    testing::{When, at, given, id},
};

const SETTINGS: Settings = Settings {
    admit_per_second: 10,
    max_active: 100,
    pass_seconds: 600,
};

fn organizer() -> OrganizerId {
    id(7)
}

fn changed(change: Change, settings: Settings, paused: bool) -> Event {
    Event::FlowChanged {
        organizer_id: organizer(),
        change,
        opens_at: at(0),
        settings,
        paused,
        commitment: "c0".to_owned(),
        draw: None,
    }
}

fn opened() -> Event {
    changed(Change::Opened, SETTINGS, false)
}

fn open(settings: Settings) -> Command {
    Command::Open {
        organizer_id: organizer(),
        opens_at: at(0),
        settings,
        commitment: "c0".to_owned(),
    }
}

fn reserved(block: u64, reason: Reason) -> Event {
    Event::NumbersReserved {
        organizer_id: organizer(),
        first: (block - 1) * BLOCK + 1,
        last: block * BLOCK,
        reason,
    }
}

fn entrant(number: u64) -> Entrant {
    Entrant {
        number,
        entry_id: id(number.into()),
        customer_id: id(u128::from(number) + 100),
    }
}

fn admitted(numbers: &[u64], now: i64) -> Event {
    Event::CustomersAdmitted {
        organizer_id: organizer(),
        admitted: numbers.iter().copied().map(entrant).collect(),
        admitted_at: at(now),
        expires_at: at(now + 600),
    }
}

fn admit(numbers: &[u64]) -> Command {
    Command::Admit {
        entrants: numbers.iter().copied().map(entrant).collect(),
    }
}

fn expire(numbers: &[u64]) -> Command {
    Command::Expire {
        passes: numbers.iter().map(|number| id((*number).into())).collect(),
    }
}

fn reserve(after: u64, reason: Reason) -> Command {
    Command::Reserve { after, reason }
}

#[test]
fn is_put_up_once() {
    given::<WaitingRoom>(&[])
        .when(&open(SETTINGS), at(-9))
        .then(&[opened()]);
    let room: WaitingRoom = given(&[opened()]);
    room.when(&open(SETTINGS), at(-9)).then_nothing();
    assert_eq!(
        room.wake_at(),
        Some(at(0)),
        "from the doors on, it is served"
    );
    for (settings, field) in [
        (
            Settings {
                admit_per_second: 0,
                ..SETTINGS
            },
            "admit_per_second",
        ),
        (
            Settings {
                max_active: 100_001,
                ..SETTINGS
            },
            "max_active",
        ),
        (
            Settings {
                pass_seconds: 7_201,
                ..SETTINGS
            },
            "pass_seconds",
        ),
    ] {
        let outcome = given::<WaitingRoom>(&[]).decide(&open(settings), at(0));
        assert!(
            matches!(&outcome, Err(Error::Invalid { at, .. }) if *at == field),
            "{outcome:?}"
        );
    }
}

#[test]
fn sets_each_block_of_numbers_aside_once() {
    let room: WaitingRoom = given(&[opened()]);
    room.when(&reserve(0, Reason::UsedUp), at(1))
        .then(&[reserved(1, Reason::UsedUp)]);
    let room: WaitingRoom = given(&[opened(), reserved(1, Reason::UsedUp)]);
    // Another asked for the same block a moment before.
    room.when(&reserve(0, Reason::UsedUp), at(1)).then_nothing();
    room.when(&reserve(BLOCK, Reason::StoreLost), at(1))
        .then(&[reserved(2, Reason::StoreLost)]);
    given::<WaitingRoom>(&[])
        .when(&reserve(0, Reason::UsedUp), at(1))
        .refused(&Error::NotFound);
}

#[test]
fn lets_each_in_once() {
    let room: WaitingRoom = given(&[opened(), reserved(1, Reason::UsedUp)]);
    room.when(&admit(&[1, 2]), at(5))
        .then(&[admitted(&[1, 2], 5)]);
    let room: WaitingRoom = given(&[opened(), reserved(1, Reason::UsedUp), admitted(&[1, 2], 5)]);
    room.when(&admit(&[2, 3]), at(6)).then(&[admitted(&[3], 6)]);
    room.when(&admit(&[1, 2]), at(6)).then_nothing();
    assert_eq!(room.last_admitted, Some(entrant(2)));
}

#[test]
fn lets_nobody_in_without_a_number_or_in_too_large_a_batch() {
    let room: WaitingRoom = given(&[opened(), reserved(1, Reason::UsedUp)]);
    for numbers in [
        vec![BLOCK + 1],
        (1..=ADMISSION_BATCH as u64 + 1).collect::<Vec<_>>(),
    ] {
        let outcome = room.decide(&admit(&numbers), at(1));
        assert!(matches!(outcome, Err(Error::Invalid { .. })), "{outcome:?}");
    }
}

#[test]
fn a_pass_runs_out_once_and_not_before_its_time() {
    let events = [opened(), reserved(1, Reason::UsedUp), admitted(&[1, 2], 0)];
    let room: WaitingRoom = given(&events);
    let expired = Event::PassesExpired {
        organizer_id: organizer(),
        passes: vec![entrant(1)],
    };
    room.when(&expire(&[1]), at(599)).then_nothing();
    room.when(&expire(&[1, 9]), at(600))
        .then(std::slice::from_ref(&expired));
    let [first, second, third] = events;
    let room: WaitingRoom = given(&[first, second, third, expired]);
    room.when(&expire(&[1]), at(601)).then_nothing();
}

#[test]
fn passes_are_forgotten_a_while_after_their_time() {
    let begun = [opened(), reserved(1, Reason::UsedUp), admitted(&[1], 0)];
    let [first, second, third] = begun.clone();
    let room: WaitingRoom = given(&[first, second, third, admitted(&[2], 659)]);
    assert_eq!(room.passes.len(), 2, "whoever records its end still can");
    let [first, second, third] = begun;
    let room: WaitingRoom = given(&[first, second, third, admitted(&[2], 660)]);
    assert_eq!(room.passes.len(), 1);
}

#[test]
fn pauses_and_resumes() {
    let pause = Command::Pause {
        organizer_id: organizer(),
    };
    let resume = Command::Resume {
        organizer_id: organizer(),
    };
    let paused = changed(Change::Paused, SETTINGS, true);
    let resumed = changed(Change::Resumed, SETTINGS, false);
    let room: WaitingRoom = given(&[opened(), reserved(1, Reason::UsedUp)]);
    room.when(&resume, at(1)).then_nothing();
    room.when(&pause, at(1)).then(std::slice::from_ref(&paused));
    let room: WaitingRoom = given(&[opened(), reserved(1, Reason::UsedUp), paused]);
    room.when(&pause, at(2)).then_nothing();
    room.when(&admit(&[1]), at(2)).refused(&Error::Paused);
    room.when(&resume, at(2)).then(&[resumed]);
    let stranger = Command::Pause {
        organizer_id: id(8),
    };
    room.when(&stranger, at(2)).refused(&Error::NotFound);
}

#[test]
fn changes_what_is_named_and_nothing_else() {
    let change = |rate, organizer_id| Command::Change {
        organizer_id,
        admit_per_second: rate,
        max_active: None,
        pass_seconds: None,
    };
    let faster = Settings {
        admit_per_second: 20,
        ..SETTINGS
    };
    let room: WaitingRoom = given(&[opened()]);
    room.when(&change(Some(20), organizer()), at(1))
        .then(&[changed(Change::Changed, faster, false)]);
    room.when(&change(None, organizer()), at(1)).then_nothing();
    room.when(&change(Some(20), id(8)), at(1))
        .refused(&Error::NotFound);
    let outcome = room.decide(&change(Some(0), organizer()), at(1));
    assert!(matches!(outcome, Err(Error::Invalid { .. })), "{outcome:?}");
}

#[test]
fn is_drawn_once() {
    let draw = Draw {
        seed: "5eed".to_owned(),
        public_value: "b1".to_owned(),
        entries: 3,
        last_number: 4,
    };
    let command = Command::Draw { draw: draw.clone() };
    let mut drawn = changed(Change::Drawn, SETTINGS, false);
    if let Event::FlowChanged { draw: place, .. } = &mut drawn {
        *place = Some(draw.clone());
    }
    let room: WaitingRoom = given(&[opened()]);
    room.when(&command, at(0))
        .then(std::slice::from_ref(&drawn));
    let later = changed(Change::Paused, SETTINGS, true);
    let room: WaitingRoom = given(&[opened(), drawn, later]);
    room.when(&command, at(1)).then_nothing();
    assert_eq!(room.draw, Some(draw), "no later change forgets it");
}

#[test]
fn once_closed_it_lets_nobody_in_and_needs_nobody() {
    let closed = changed(Change::Closed, SETTINGS, false);
    given::<WaitingRoom>(&[opened()])
        .when(&Command::Close, at(1))
        .then(std::slice::from_ref(&closed));
    let room: WaitingRoom = given(&[opened(), reserved(1, Reason::UsedUp), closed]);
    room.when(&Command::Close, at(2)).then_nothing();
    room.when(&admit(&[1]), at(2)).refused(&Error::Closed);
    room.when(&reserve(BLOCK, Reason::UsedUp), at(2))
        .refused(&Error::Closed);
    assert_eq!(room.wake_at(), None);
}
