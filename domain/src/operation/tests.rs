//! Given / when / then.

use std::collections::BTreeMap;

use super::{Command, Error, Event, MAX_ARGUMENTS, MAX_REASON_BYTES, Operation, acts};
use crate::{
    aggregate::Aggregate,
    testing::{When, at, given},
};

fn skip(arguments: BTreeMap<String, String>, reason: &str) -> Command {
    Command::Record {
        act: acts::PROJECTION_SKIP.to_owned(),
        subject: "seat_maps".to_owned(),
        arguments,
        actor: "root@box".to_owned(),
        reason: reason.to_owned(),
    }
}

fn skipped() -> Event {
    Event::OperatorActed {
        act: acts::PROJECTION_SKIP.to_owned(),
        subject: "seat_maps".to_owned(),
        arguments: BTreeMap::new(),
        actor: "root@box".to_owned(),
        reason: "damaged".to_owned(),
    }
}

#[test]
fn records_one_act() {
    let command = skip(BTreeMap::new(), "damaged");
    given::<Operation>(&[])
        .when(&command, at(0))
        .then(&[skipped()]);
    given::<Operation>(&[skipped()])
        .when(&command, at(0))
        .refused(&Error::AlreadyRecorded);
}

#[test]
fn wants_a_reason_and_bounds_its_texts() {
    let operation: Operation = given(&[]);
    let many: BTreeMap<_, _> = (0..=MAX_ARGUMENTS)
        .map(|number| (number.to_string(), String::new()))
        .collect();
    let long = "x".repeat(MAX_REASON_BYTES + 1);
    let one = BTreeMap::from([("position".to_owned(), long.clone())]);
    for (arguments, reason, field) in [
        (BTreeMap::new(), "", "reason"),
        (BTreeMap::new(), long.as_str(), "reason"),
        (many, "damaged", "arguments"),
        (one, "damaged", "arguments"),
    ] {
        let outcome = operation.decide(&skip(arguments, reason), at(0));
        assert!(
            matches!(outcome, Err(Error::Invalid { at, .. }) if at == field),
            "{outcome:?}"
        );
    }
}
