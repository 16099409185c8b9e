//! Payments: each must have moved as many points, and sold the seats, that it says.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use event_store::Position;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    drops::Drops,
    facts::{self, Fact, Read},
    points::{Accounts, Spent},
    report::{At, Check, Findings, OpenSaga},
    shows::Shows,
};

/// How long before `resume_at` a payment was requested: a refund that was asked for meanwhile is due from the request on.
const RESUME_AFTER: TimeDelta = TimeDelta::seconds(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Status {
    Running,
    Completed,
    Failed,
    Refunding,
    Refunded,
}

/// What the show did about a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Seats {
    /// Nothing yet.
    Open,
    /// Sold the reservation for it.
    Sold,
    /// Sold it, and took the sale back.
    Undone,
    /// Gave it up: it can't buy any more.
    Abandoned,
}

#[derive(Debug, Serialize, Deserialize)]
struct Payment {
    reservation: Uuid,
    show: Uuid,
    customer: Uuid,
    amount: i64,
    status: Status,
    refund_requested: bool,
    seats: Seats,
    since: DateTime<Utc>,
    wake_at: Option<DateTime<Utc>>,
}

impl Payment {
    /// Takes the step that an event tells of. Answers whether points and seats allowed it.
    fn step(
        &mut self,
        fact: &Fact<'_>,
        told: &facts::Payment,
        spent: Option<(Uuid, Spent)>,
    ) -> bool {
        let spent_is = |spending| spent == Some((self.customer, spending));
        let running = self.status == Status::Running && told.amount == self.amount;
        let (allowed, status, wake_at) = match fact {
            Fact::PaymentCompleted(_) => {
                let sold = matches!(self.seats, Seats::Sold | Seats::Undone);
                let allowed = running && sold && spent_is(Spent::Debited(self.amount));
                if self.refund_requested {
                    let due = self.wake_at.map(|at| at - RESUME_AFTER);
                    (allowed, Status::Refunding, due)
                } else {
                    (allowed, Status::Completed, None)
                }
            }
            Fact::PaymentFailed(_) => {
                let end = if told.refunded {
                    Spent::Credited
                } else {
                    Spent::Barred
                };
                let allowed = running && self.seats == Seats::Abandoned && spent_is(end);
                (allowed, Status::Failed, None)
            }
            Fact::RefundRequested(_) => {
                self.refund_requested = true;
                match self.status {
                    Status::Completed => (true, Status::Refunding, told.resume_at),
                    status => (status == Status::Running, status, self.wake_at),
                }
            }
            _ => {
                let allowed = self.status == Status::Refunding
                    && told.amount == self.amount
                    && self.seats == Seats::Undone
                    && spent_is(Spent::Credited);
                (allowed, Status::Refunded, None)
            }
        };
        self.status = status;
        self.wake_at = wake_at;
        allowed
    }
}

/// All payments.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Payments {
    payments: HashMap<Uuid, Payment>,
    /// Reservation -> the payment that runs, or that paid for it.
    live: HashMap<Uuid, Uuid>,
}

impl Payments {
    /// Takes account of one event of a payment.
    pub(super) fn apply(
        &mut self,
        read: &Read<'_>,
        shows: &Shows,
        accounts: &Accounts,
        findings: &mut Findings,
    ) {
        let position = read.event.position;
        let mut fault = |detail: String| findings.add(Check::Payments, position, detail);
        let fact = match &read.fact {
            Fact::PaymentRequested(fact) => {
                self.request(read, fact, shows, findings);
                return;
            }
            Fact::PaymentCompleted(fact)
            | Fact::PaymentFailed(fact)
            | Fact::RefundRequested(fact)
            | Fact::PaymentRefunded(fact) => fact,
            _ => return,
        };
        let Some(payment) = self.payments.get_mut(&read.id) else {
            fault("the payment was never requested".to_owned());
            return;
        };
        let told = (fact.reservation_id, fact.show_id, fact.customer_id);
        if told != (payment.reservation, payment.show, payment.customer) {
            fault("the payment is of another reservation, show or customer".to_owned());
        }
        let spent = accounts.spent(read.id);
        let before = (payment.status, payment.seats);
        let allowed = payment.step(&read.fact, fact, spent);
        if payment.status == Status::Failed {
            self.live.remove(&payment.reservation);
        }
        if payment.status != before.0 {
            payment.since = read.event.recorded_at;
        }
        if !allowed {
            fault(format!(
                "{} is not backed: the payment is (itself, its seats) {before:?} over {}, its points {spent:?}",
                read.event.event_type, payment.amount
            ));
        }
    }

    fn request(
        &mut self,
        read: &Read<'_>,
        fact: &facts::Payment,
        shows: &Shows,
        findings: &mut Findings,
    ) {
        findings.checked(Check::Payments, 1);
        let mut fault = |detail: String| findings.add(Check::Payments, read.event.position, detail);
        match shows.sale(fact.reservation_id) {
            Some(sale)
                if (sale.show, sale.customer, sale.amount)
                    == (fact.show_id, fact.customer_id, fact.amount) => {}
            sale => fault(format!(
                "the payment is not for what its reservation is: {sale:?}"
            )),
        }
        if let Some(other) = self.live.insert(fact.reservation_id, read.id) {
            fault(format!(
                "payment {other} of the same reservation was not given up"
            ));
        }
        let payment = Payment {
            reservation: fact.reservation_id,
            show: fact.show_id,
            customer: fact.customer_id,
            amount: fact.amount,
            status: Status::Running,
            refund_requested: false,
            seats: Seats::Open,
            since: read.event.recorded_at,
            wake_at: fact.resume_at,
        };
        if self.payments.insert(read.id, payment).is_some() {
            fault("the payment is requested a second time".to_owned());
        }
    }

    /// Takes account of one event of a show.
    pub(super) fn apply_show(
        &mut self,
        read: &Read<'_>,
        accounts: &Accounts,
        findings: &mut Findings,
    ) {
        let position = read.event.position;
        match &read.fact {
            Fact::ReservationConfirmed(moved) => {
                let id = moved.payment_id.unwrap_or_default();
                let spent = accounts.spent(id);
                let Some(payment) = self.find(id, moved.reservation_id, position, findings) else {
                    return;
                };
                let paid = spent == Some((payment.customer, Spent::Debited(payment.amount)));
                let expected =
                    payment.status == Status::Running && payment.seats == Seats::Open && paid;
                let amount = payment.amount;
                payment.seats = Seats::Sold;
                if !expected || moved.amount != Some(amount) {
                    let detail =
                        format!("sold to payment {id} over {amount}, whose points are {spent:?}");
                    findings.add(Check::Payments, position, detail);
                }
            }
            Fact::PaymentAbandoned {
                reservation_id,
                payment_id,
            } => {
                let Some(payment) = self.find(*payment_id, *reservation_id, position, findings)
                else {
                    return;
                };
                let before = std::mem::replace(&mut payment.seats, Seats::Abandoned);
                if before != Seats::Open {
                    findings.add(
                        Check::Payments,
                        position,
                        format!("payment {payment_id} is given up after the sale"),
                    );
                }
            }
            Fact::ReservationCancelled(moved) => {
                let id = moved.payment_id.unwrap_or_default();
                let Some(payment) = self.find(id, moved.reservation_id, position, findings) else {
                    return;
                };
                let before = std::mem::replace(&mut payment.seats, Seats::Undone);
                if before != Seats::Sold {
                    findings.add(
                        Check::Payments,
                        position,
                        format!("payment {id} is undone, but sold nothing"),
                    );
                }
            }
            _ => {}
        }
    }

    /// The payment that an event of a show names, if it is of that reservation.
    fn find(
        &mut self,
        id: Uuid,
        reservation: Uuid,
        at: Position,
        findings: &mut Findings,
    ) -> Option<&mut Payment> {
        let payment = self
            .payments
            .get_mut(&id)
            .filter(|payment| payment.reservation == reservation);
        if payment.is_none() {
            findings.add(
                Check::Payments,
                at,
                format!("payment {id} of reservation {reservation} does not exist"),
            );
        }
        payment
    }

    /// What must hold of all payments once everything was read.
    pub(super) fn check_end(
        &self,
        accounts: &Accounts,
        shows: &Shows,
        drops: &Drops,
        findings: &mut Findings,
    ) {
        for (id, spent) in accounts.payments() {
            // An entry of a drop pays under its own id; the drops' check sees to it.
            if !self.payments.contains_key(&id) && !drops.has_entry(id) {
                let at = At::Stream(format!("payment/{id}"));
                findings.add(
                    Check::Payments,
                    at,
                    format!("the payment does not exist, but its points are {spent:?}"),
                );
            }
        }
        for (id, payment) in &self.payments {
            let at = || At::Stream(format!("payment/{id}"));
            let sale = shows.sale(payment.reservation);
            let cancelled = sale.is_some_and(|sale| sale.show_cancelled);
            if payment.status == Status::Completed && payment.seats == Seats::Undone && !cancelled {
                findings.add(
                    Check::Payments,
                    at(),
                    "its sale was undone, but no refund was asked for",
                );
            }
            let sold = matches!(payment.seats, Seats::Sold | Seats::Undone);
            if sold && sale.is_none_or(|sale| sale.payment != Some(*id)) {
                findings.add(
                    Check::Payments,
                    at(),
                    "its reservation was sold to another payment, too",
                );
            }
        }
    }

    /// Payments that have not come to an end, the oldest first.
    pub(super) fn open(&self, shows: &Shows, now: DateTime<Utc>) -> Vec<OpenSaga> {
        let mut open: Vec<_> = self
            .payments
            .iter()
            .filter_map(|(id, payment)| {
                let state = match payment.status {
                    Status::Running => "running",
                    Status::Refunding => "refunding",
                    Status::Completed
                        if shows
                            .sale(payment.reservation)
                            .is_some_and(|sale| sale.show_cancelled) =>
                    {
                        "refund_due"
                    }
                    Status::Completed | Status::Failed | Status::Refunded => return None,
                };
                let age_ms = (now - payment.since).num_milliseconds();
                Some(OpenSaga {
                    payment_id: *id,
                    state,
                    since: payment.since,
                    age_ms,
                })
            })
            .collect();
        open.sort_by_key(|saga| (saga.since, saga.payment_id));
        open
    }

    /// The payment that runs, or that paid, for a reservation.
    pub(super) fn live(&self, reservation: Uuid) -> Option<Uuid> {
        self.live.get(&reservation).copied()
    }

    /// All reservations with a payment that runs or paid.
    pub(super) fn all_live(&self) -> impl ExactSizeIterator<Item = (Uuid, Uuid)> {
        self.live
            .iter()
            .map(|(reservation, payment)| (*reservation, *payment))
    }

    /// When a payment's stream is to wake up.
    pub(super) fn wake_at(&self, payment: Uuid) -> Option<DateTime<Utc>> {
        self.payments.get(&payment)?.wake_at
    }
}
