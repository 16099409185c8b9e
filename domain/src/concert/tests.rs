//! Given / when / then.

use super::{Command, Concert, Error, Event, MAX_DESCRIPTION_BYTES, MAX_TITLE_BYTES};
use crate::{
    aggregate::Aggregate,
    ids::OrganizerId,
    testing::{When, at, given, id},
};

fn announced() -> Event {
    Event::ConcertAnnounced {
        organizer_id: id(1),
        title: "Winter tour".to_owned(),
        artist: "The Larks".to_owned(),
        description: None,
    }
}

fn announce(title: &str, description: Option<String>) -> Command {
    Command::Announce {
        organizer_id: id(1),
        title: title.to_owned(),
        artist: "The Larks".to_owned(),
        description,
    }
}

fn revise(organizer_id: OrganizerId) -> Command {
    Command::Revise {
        organizer_id,
        title: "Spring tour".to_owned(),
        artist: "The Larks".to_owned(),
        description: Some("Later.".to_owned()),
    }
}

#[test]
fn announces_once() {
    given::<Concert>(&[])
        .when(&announce("Winter tour", None), at(0))
        .then(&[announced()]);
    let refusal = Error::AlreadyAnnounced;
    given::<Concert>(&[announced()])
        .when(&announce("Again", None), at(0))
        .refused(&refusal);
}

#[test]
fn only_its_organizer_revises_it() {
    let revised = Event::ConcertRevised {
        organizer_id: id(1),
        title: "Spring tour".to_owned(),
        artist: "The Larks".to_owned(),
        description: Some("Later.".to_owned()),
    };
    let concert: Concert = given(&[announced()]);
    concert
        .when(&revise(id(1)), at(0))
        .then(std::slice::from_ref(&revised));
    concert
        .when(&revise(id(2)), at(0))
        .refused(&Error::NotFound);
    given::<Concert>(&[])
        .when(&revise(id(1)), at(0))
        .refused(&Error::NotFound);
    assert_eq!(
        given::<Concert>(&[announced(), revised]).title,
        "Spring tour"
    );
}

#[test]
fn bounds_its_texts() {
    let concert: Concert = given(&[]);
    for (title, description, field) in [
        (String::new(), None, "title"),
        ("x".repeat(MAX_TITLE_BYTES + 1), None, "title"),
        (
            "x".repeat(MAX_TITLE_BYTES),
            Some("x".repeat(MAX_DESCRIPTION_BYTES + 1)),
            "description",
        ),
    ] {
        let outcome = concert.decide(&announce(&title, description), at(0));
        assert!(
            matches!(outcome, Err(Error::Invalid { at, .. }) if at == field),
            "{outcome:?}"
        );
    }
}
