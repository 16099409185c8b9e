//! Given / when / then.

use super::{Command, Error, Event, LIVE_PAYMENT, METHOD, Payment, Status};
use crate::{
    aggregate::{Aggregate, ClaimChange},
    ids::{OrganizerId, ReservationId, ShowId},
    testing::{When, at, given, id},
};

fn request() -> Command {
    Command::Request {
        reservation_id: id(1),
        show_id: id(2),
        customer_id: id(3),
        organizer_id: id(4),
        amount: 90,
        method: METHOD.to_owned(),
    }
}

fn request_refund(organizer_id: Option<OrganizerId>) -> Command {
    Command::RequestRefund {
        organizer_id,
        reason: "Ill".to_owned(),
        resume_at: at(30),
    }
}

fn requested() -> Event {
    Event::PaymentRequested {
        reservation_id: id(1),
        show_id: id(2),
        customer_id: id(3),
        organizer_id: id(4),
        amount: 90,
        method: "points".to_owned(),
        resume_at: at(10),
    }
}

fn completed() -> Event {
    Event::PaymentCompleted {
        reservation_id: id(1),
        show_id: id(2),
        customer_id: id(3),
        amount: 90,
        balance: 10,
    }
}

fn failed() -> Event {
    Event::PaymentFailed {
        reservation_id: id(1),
        show_id: id(2),
        customer_id: id(3),
        amount: 90,
        code: "hold_expired".to_owned(),
        refunded: true,
    }
}

fn refund_requested() -> Event {
    Event::RefundRequested {
        organizer_id: id(4),
        reservation_id: id(1),
        show_id: id(2),
        customer_id: id(3),
        reason: "Ill".to_owned(),
        resume_at: at(30),
    }
}

fn refunded() -> Event {
    Event::PaymentRefunded {
        reservation_id: id(1),
        show_id: id(2),
        customer_id: id(3),
        amount: 90,
        balance: 100,
    }
}

fn complete() -> Command {
    Command::Complete { balance: 10 }
}

fn fail() -> Command {
    Command::Fail {
        code: "hold_expired".to_owned(),
        refunded: true,
    }
}

fn refund() -> Command {
    Command::Refund { balance: 100 }
}

#[test]
fn a_request_is_resumed_after_ten_seconds() {
    given::<Payment>(&[])
        .when(&request(), at(0))
        .then(&[requested()]);
    let payment: Payment = given(&[requested()]);
    payment
        .when(&request(), at(0))
        .refused(&Error::AlreadyRequested);
    assert_eq!(payment.wake_at(), Some(at(10)));
    assert_eq!(
        payment.routing_key("of the payment"),
        id::<ShowId>(2).to_string()
    );
}

#[test]
fn ends_well_once() {
    given::<Payment>(&[requested()])
        .when(&complete(), at(1))
        .then(&[completed()]);
    given::<Payment>(&[])
        .when(&complete(), at(1))
        .refused(&Error::NotFound);
    let payment: Payment = given(&[requested(), completed()]);
    payment
        .when(&complete(), at(1))
        .refused(&Error::AlreadyCompleted);
    payment
        .when(&fail(), at(1))
        .refused(&Error::AlreadyCompleted);
    assert_eq!(
        (payment.status, payment.wake_at()),
        (Status::Completed, None)
    );
}

#[test]
fn ends_badly_once() {
    given::<Payment>(&[requested()])
        .when(&fail(), at(1))
        .then(&[failed()]);
    let payment: Payment = given(&[requested(), failed()]);
    let refusal = Error::AlreadyFailed {
        code: "hold_expired".to_owned(),
    };
    payment.when(&complete(), at(1)).refused(&refusal);
    payment.when(&fail(), at(1)).refused(&refusal);
    let refusal = Error::NotRefundable { status: "failed" };
    payment.when(&request_refund(None), at(1)).refused(&refusal);
    assert_eq!((payment.wake_at(), payment.refunded), (None, true));
}

#[test]
fn its_organizer_has_it_refunded() {
    let paid: Payment = given(&[requested(), completed()]);
    paid.when(&request_refund(Some(id(4))), at(20))
        .then(&[refund_requested()]);
    paid.when(&request_refund(None), at(20))
        .then(&[refund_requested()]);
    paid.when(&request_refund(Some(id(5))), at(20))
        .refused(&Error::NotFound);
    paid.when(&refund(), at(20)).refused(&Error::NotRefundable {
        status: "completed",
    });

    let refunding: Payment = given(&[requested(), completed(), refund_requested()]);
    assert_eq!(
        (refunding.status, refunding.wake_at()),
        (Status::Refunding, Some(at(30)))
    );
    refunding.when(&request_refund(None), at(20)).then_nothing();
    refunding.when(&refund(), at(20)).then(&[refunded()]);

    let done: Payment = given(&[requested(), completed(), refund_requested(), refunded()]);
    assert_eq!((done.status, done.wake_at()), (Status::Refunded, None));
    done.when(&refund(), at(20))
        .refused(&Error::AlreadyRefunded);
    done.when(&request_refund(None), at(20))
        .refused(&Error::AlreadyRefunded);
}

#[test]
fn a_refund_waits_for_the_end_of_the_saga() {
    given::<Payment>(&[requested()])
        .when(&request_refund(Some(id(4))), at(5))
        .then(&[refund_requested()]);
    let waiting: Payment = given(&[requested(), refund_requested()]);
    assert_eq!(
        (waiting.status, waiting.wake_at()),
        (Status::Running, Some(at(10)))
    );
    waiting.when(&request_refund(None), at(6)).then_nothing();
    waiting
        .when(&refund(), at(6))
        .refused(&Error::NotRefundable { status: "running" });

    let paid: Payment = given(&[requested(), refund_requested(), completed()]);
    assert_eq!(
        (paid.status, paid.wake_at()),
        (Status::Refunding, Some(at(0))),
        "due at once"
    );
    let lost: Payment = given(&[requested(), refund_requested(), failed()]);
    assert_eq!((lost.status, lost.wake_at()), (Status::Failed, None));
}

#[test]
fn only_a_failure_lets_another_payment_try() {
    let key = id::<ReservationId>(1).to_string();
    let set = ClaimChange::Set {
        namespace: LIVE_PAYMENT,
        key: key.clone(),
    };
    assert_eq!(Payment::claims(&requested()), [set]);
    assert_eq!(
        Payment::claims(&failed()),
        [ClaimChange::Release {
            namespace: LIVE_PAYMENT,
            key
        }]
    );
    for event in [completed(), refund_requested(), refunded()] {
        assert_eq!(Payment::claims(&event), []);
    }
}
