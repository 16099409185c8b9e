//! Given / when / then.

use super::{Command, Customer, Error, Event, event::Ciphertext};
use crate::{
    aggregate::Aggregate as _,
    testing::{When, at, given, id},
};

fn secret(text: &str) -> Ciphertext {
    Ciphertext(text.to_owned())
}

fn registered() -> Event {
    Event::CustomerRegistered {
        customer_id: id(1),
        email: secret("e1"),
        name: secret("n1"),
    }
}

fn register() -> Command {
    Command::Register {
        customer_id: id(1),
        email: secret("e1"),
        name: secret("n1"),
    }
}

fn update() -> Command {
    Command::Update {
        email: secret("e2"),
        name: secret("n2"),
    }
}

fn erased() -> Event {
    Event::CustomerErased {
        customer_id: id(1),
        resume_at: Some(at(10)),
    }
}

#[test]
fn registers_once() {
    given::<Customer>(&[])
        .when(&register(), at(0))
        .then(&[registered()]);
    given::<Customer>(&[registered()])
        .when(&register(), at(0))
        .refused(&Error::AlreadyRegistered);
}

#[test]
fn updates_the_whole_profile() {
    let updated = Event::CustomerUpdated {
        customer_id: id(1),
        email: secret("e2"),
        name: secret("n2"),
    };
    given::<Customer>(&[registered()])
        .when(&update(), at(0))
        .then(std::slice::from_ref(&updated));
    given::<Customer>(&[])
        .when(&update(), at(0))
        .refused(&Error::NotFound);
    let customer: Customer = given(&[registered(), updated]);
    assert_eq!(
        (customer.email, customer.name),
        (secret("e2"), secret("n2"))
    );
}

#[test]
fn erases_for_good() {
    given::<Customer>(&[registered()])
        .when(&Command::Erase, at(0))
        .then(&[erased()]);
    let gone: Customer = given(&[registered(), erased()]);
    gone.when(&Command::Erase, at(0)).then_nothing();
    gone.when(&update(), at(0)).refused(&Error::Erased);
    gone.when(&register(), at(0)).refused(&Error::Erased);
    assert_eq!(gone.wake_at(), Some(at(10)));
    gone.when(&Command::NoteDestruction, at(1))
        .then(&[Event::PersonalDataDestroyed { customer_id: id(1) }]);
    let destroyed: Customer = given(&[
        registered(),
        erased(),
        Event::PersonalDataDestroyed { customer_id: id(1) },
    ]);
    assert_eq!(destroyed.wake_at(), None);
    destroyed
        .when(&Command::NoteDestruction, at(2))
        .then_nothing();
    given::<Customer>(&[registered()])
        .when(&Command::NoteDestruction, at(0))
        .refused(&Error::NotFound);
    assert_eq!(
        (gone.email, gone.name),
        (secret(""), secret("")),
        "the ciphertext is not kept"
    );
}
