//! What moves points: charges, payments, refunds.

use domain::{
    ids::{CustomerId, PaymentId},
    payment, point_account,
    points::Points,
    show,
};

use super::{Reservation, State, World, id, recorded_at};

impl World {
    fn points(&mut self, customer: CustomerId, event: &point_account::Event) {
        self.record("point_account", customer.0, customer.0, event);
    }

    pub(crate) fn charge(&mut self, which: usize) -> CustomerId {
        let customer_id = id(100 + which as u64 % 3);
        let charge_id = self.fresh();
        let balance_after = self.move_points(customer_id, 1_000);
        let event = point_account::Event::PointsCharged {
            customer_id,
            charge_id,
            amount: 1_000,
            balance_after,
        };
        self.points(customer_id, &event);
        customer_id
    }

    fn move_points(&mut self, customer: CustomerId, by: Points) -> Points {
        let balance = self.balances.entry(customer).or_default();
        *balance += by;
        *balance
    }

    fn request(&mut self, held: &Reservation) -> PaymentId {
        let payment = self.fresh();
        let event = payment::Event::PaymentRequested {
            reservation_id: held.id,
            show_id: held.show,
            customer_id: held.customer,
            organizer_id: id(1),
            amount: held.amount,
            method: "points".to_owned(),
            resume_at: recorded_at(20_000),
        };
        self.payment(payment, held.show, &event);
        payment
    }

    fn debit(&mut self, held: &Reservation, payment_id: PaymentId) -> Points {
        let balance_after = self.move_points(held.customer, -held.amount);
        let event = point_account::Event::PointsDebited {
            customer_id: held.customer,
            payment_id,
            amount: held.amount,
            balance_after,
        };
        self.points(held.customer, &event);
        balance_after
    }

    fn credit(&mut self, held: &Reservation, payment_id: PaymentId) -> Points {
        let balance_after = self.move_points(held.customer, held.amount);
        let event = point_account::Event::PointsCredited {
            customer_id: held.customer,
            payment_id,
            amount: held.amount,
            balance_after,
        };
        self.points(held.customer, &event);
        balance_after
    }

    pub(crate) fn pay(&mut self, which: usize) {
        let Some(held) = self.pick(which, |state| state == State::Held) else {
            return;
        };
        let payment_id = self.request(&held);
        let balance = self.debit(&held, payment_id);
        // Now and then the hold runs out on the way, and its places are taken again.
        let retaken = which.is_multiple_of(5);
        if retaken {
            let expired = show::Event::HoldExpired {
                organizer_id: id(1),
                reservation_id: held.id,
                customer_id: held.customer,
                expired_at: recorded_at(300_000),
                places: held.places.clone(),
            };
            self.show(held.show, &expired);
        }
        let confirmed = show::Event::ReservationConfirmed {
            organizer_id: id(1),
            reservation_id: held.id,
            customer_id: held.customer,
            payment_id,
            amount: held.amount,
            retaken,
            places: held.places.clone(),
        };
        self.show(held.show, &confirmed);
        let completed = payment::Event::PaymentCompleted {
            reservation_id: held.id,
            show_id: held.show,
            customer_id: held.customer,
            amount: held.amount,
            balance,
        };
        self.payment(payment_id, held.show, &completed);
        self.set(&held, State::Confirmed(payment_id));
    }

    pub(crate) fn fail_to_pay(&mut self, which: usize) {
        let Some(held) = self.pick(which, |state| state == State::Held) else {
            return;
        };
        let payment_id = self.request(&held);
        let refunded = which.is_multiple_of(2);
        if refunded {
            self.debit(&held, payment_id);
        }
        let abandoned = show::Event::PaymentAbandoned {
            organizer_id: id(1),
            reservation_id: held.id,
            payment_id,
            code: "seats_unavailable".to_owned(),
        };
        self.show(held.show, &abandoned);
        if refunded {
            self.credit(&held, payment_id);
        } else {
            let barred = point_account::Event::PointsDebitBarred {
                customer_id: held.customer,
                payment_id,
                balance_after: self.move_points(held.customer, 0),
            };
            self.points(held.customer, &barred);
        }
        let failed = payment::Event::PaymentFailed {
            reservation_id: held.id,
            show_id: held.show,
            customer_id: held.customer,
            amount: held.amount,
            code: "seats_unavailable".to_owned(),
            refunded,
        };
        self.payment(payment_id, held.show, &failed);
    }

    pub(crate) fn refund(&mut self, which: usize) {
        let Some(sold) = self.pick(which, |state| matches!(state, State::Confirmed(_))) else {
            return;
        };
        let State::Confirmed(payment_id) = sold.state else {
            return;
        };
        let requested = payment::Event::RefundRequested {
            organizer_id: id(1),
            reservation_id: sold.id,
            show_id: sold.show,
            customer_id: sold.customer,
            reason: "asked for".to_owned(),
            resume_at: recorded_at(20_000),
        };
        self.payment(payment_id, sold.show, &requested);
        let cancelled = show::Event::ReservationCancelled {
            organizer_id: id(1),
            reservation_id: sold.id,
            customer_id: sold.customer,
            payment_id,
            reason: "refund".to_owned(),
            places: sold.places.clone(),
        };
        self.show(sold.show, &cancelled);
        let balance = self.credit(&sold, payment_id);
        let refunded = payment::Event::PaymentRefunded {
            reservation_id: sold.id,
            show_id: sold.show,
            customer_id: sold.customer,
            amount: sold.amount,
            balance,
        };
        self.payment(payment_id, sold.show, &refunded);
        self.set(&sold, State::Gone);
    }
}
