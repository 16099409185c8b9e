//! How far a show is that was called off.

use domain::{
    Aggregate as _,
    ids::{PaymentId, ReservationId, ShowId},
    payment::{Event, Payment},
    show::Command,
};
use edge::auth::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::testing::{Projections, TestShow, World};

/// What happens to a payment of a reservation, in order.
struct Life {
    payment: Uuid,
    reservation_id: ReservationId,
    show_id: ShowId,
}

impl Life {
    fn of(show: &TestShow, reservation_id: ReservationId) -> Self {
        Self {
            payment: Uuid::now_v7(),
            reservation_id,
            show_id: show.id,
        }
    }

    async fn record(&self, world: &World, event: Event) -> u64 {
        world.append(Payment::TYPE, self.payment, &[event]).await
    }

    async fn request(&self, world: &World, show: &TestShow) -> u64 {
        let event = Event::PaymentRequested {
            reservation_id: self.reservation_id,
            show_id: self.show_id,
            customer_id: Uuid::nil().into(),
            organizer_id: show.organizer.into(),
            amount: 10,
            method: "points".to_owned(),
            resume_at: world.now(),
        };
        self.record(world, event).await
    }

    async fn complete(&self, world: &World) -> u64 {
        let event = Event::PaymentCompleted {
            reservation_id: self.reservation_id,
            show_id: self.show_id,
            customer_id: Uuid::nil().into(),
            amount: 10,
            balance: 0,
        };
        self.record(world, event).await
    }

    async fn request_refund(&self, world: &World, show: &TestShow) -> u64 {
        let event = Event::RefundRequested {
            organizer_id: show.organizer.into(),
            reservation_id: self.reservation_id,
            show_id: self.show_id,
            customer_id: Uuid::nil().into(),
            reason: "show_cancelled".to_owned(),
            resume_at: world.now(),
        };
        self.record(world, event).await
    }

    async fn refund(&self, world: &World) -> u64 {
        let event = Event::PaymentRefunded {
            reservation_id: self.reservation_id,
            show_id: self.show_id,
            customer_id: Uuid::nil().into(),
            amount: 10,
            balance: 10,
        };
        self.record(world, event).await
    }
}

async fn look(world: &World, show: &TestShow, position: u64) -> Value {
    let token = world.token(Role::Organizer, show.organizer);
    let position = position.to_string();
    let headers = [
        ("authorization", token.as_str()),
        ("at-least-position", &position),
    ];
    let reply = world.get(&show.path("/cancellation"), &headers).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    reply.json()
}

#[tokio::test]
async fn refunds_are_counted_until_all_is_given_back() {
    let world = World::start(Projections::Here).await;
    let customer = Uuid::now_v7();
    let mut show = TestShow::schedule(&world).await;
    let reservation_id = show.hold(&world, customer, &["A-1", "A-2"]).await;
    show.hold(&world, customer, &["A-3"]).await;
    let payment = Life::of(&show, reservation_id);
    payment.request(&world, &show).await;
    let payment_id = PaymentId(payment.payment);
    let confirm = Command::Confirm {
        reservation_id,
        payment_id,
        amount: 20,
    };
    show.command(&world, &confirm).await;
    // A payment of another show is none of this one's.
    let elsewhere = TestShow::schedule(&world).await;
    Life::of(&elsewhere, ReservationId(Uuid::now_v7()))
        .request(&world, &elsewhere)
        .await;
    let cancel = Command::CancelShow {
        organizer_id: show.organizer.into(),
        reason: "storm".to_owned(),
    };
    let position = show.command(&world, &cancel).await;
    let seen = look(&world, &show, position).await;
    assert_eq!(seen["reason"], "storm");
    assert_eq!(seen["places_left"], 3);
    let none = json!({"running": 0, "to_refund": 0, "refunding": 0, "refunded": 0, "failed": 0});
    let with = |state: &str| {
        let mut counts = none.clone();
        counts[state] = json!(1);
        counts
    };
    assert_eq!(seen["payments"], with("running"));
    let position = payment.complete(&world).await;
    let seen = look(&world, &show, position).await;
    assert_eq!(seen["payments"], with("to_refund"));
    payment.request_refund(&world, &show).await;
    let position = show.command(&world, &Command::WindUp { limit: 10 }).await;
    let seen = look(&world, &show, position).await;
    assert_eq!(seen["payments"], with("refunding"));
    assert_eq!(
        (&seen["places_left"], &seen["finished"]),
        (&json!(0), &json!(false))
    );
    let position = payment.refund(&world).await;
    let seen = look(&world, &show, position).await;
    assert_eq!(seen["payments"], with("refunded"));
    assert_eq!(seen["finished"], true);
}

#[tokio::test]
async fn it_is_its_organizers_and_of_cancelled_shows_alone() {
    let world = World::start(Projections::Here).await;
    let mut show = TestShow::schedule(&world).await;
    let path = show.path("/cancellation");
    let ask = async |role, id, position: u64| {
        let (token, position) = (world.token(role, id), position.to_string());
        let headers = [
            ("authorization", token.as_str()),
            ("at-least-position", &position),
        ];
        world.get(&path, &headers).await.status.as_u16()
    };
    assert_eq!(
        ask(Role::Organizer, show.organizer, show.position).await,
        404
    );
    let cancel = Command::CancelShow {
        organizer_id: show.organizer.into(),
        reason: "storm".to_owned(),
    };
    let position = show.command(&world, &cancel).await;
    assert_eq!(ask(Role::Organizer, show.organizer, position).await, 200);
    assert_eq!(ask(Role::Organizer, Uuid::now_v7(), position).await, 404);
    assert_eq!(ask(Role::Customer, show.organizer, position).await, 403);
}
