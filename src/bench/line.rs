//! A user's connections: one to the commands, and one to the queries where those are elsewhere.

use std::net::SocketAddr;

use tokio::time::Instant;

use super::{
    crowd::Meter,
    requests::{get, post},
    scene::{Customer, SHOW_ID, Scene},
};
use crate::driver::{Failure, Heard, Outcome, Wire};

/// The two sides of a connection.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) commands: SocketAddr,
    pub(super) queries: SocketAddr,
    writing: Wire,
    /// `None`: the same as `writing`.
    reading: Option<Wire>,
}

/// Which server a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Commands,
    Queries,
}

impl Line {
    /// That of the so-manieth user.
    pub(super) fn of(scene: &Scene, user: usize) -> Self {
        let queries = scene.queries[user % scene.queries.len()];
        Self {
            commands: scene.commands,
            queries,
            writing: Wire::new(scene.commands),
            reading: (queries != scene.commands).then(|| Wire::new(queries)),
        }
    }

    /// So many.
    pub(super) fn several(scene: &Scene, users: usize) -> impl Iterator<Item = Self> {
        (0..users).map(|user| Self::of(scene, user))
    }

    /// Sends a request and reads the answer, uncounted.
    pub(super) async fn ask(&mut self, side: Side, request: &[u8]) -> (Outcome, Option<Heard<'_>>) {
        let wire = match (side, &mut self.reading) {
            (Side::Queries, Some(wire)) => wire,
            (Side::Commands | Side::Queries, _) => &mut self.writing,
        };
        match wire.exchange(request).await {
            Ok(heard) => (heard.outcome(), Some(heard)),
            Err(Failure::NotSent(why)) => (Outcome::Failed(why), None),
            Err(Failure::Unknown(_)) => (Outcome::Unknown, None),
        }
    }

    /// The same, counted.
    pub(super) async fn call(
        &mut self,
        meter: &Meter,
        name: &'static str,
        intended: Instant,
        side: Side,
        request: &[u8],
    ) -> (Outcome, Option<Heard<'_>>) {
        let (outcome, heard) = self.ask(side, request).await;
        meter.count(name, intended, &outcome);
        (outcome, heard)
    }

    /// Holds a seat; the reservation.
    pub(super) async fn hold(
        &mut self,
        meter: &Meter,
        intended: Instant,
        wish: Wish<'_>,
    ) -> (Outcome, Option<String>) {
        let Wish {
            customer,
            show,
            seat,
            key,
        } = wish;
        let body = format!(r#"{{"show_id":"{show}","seats":["{seat}"]}}"#);
        let request = command(self.commands, customer, show, ("hold", key));
        let request = request("/v1/reservations", &body);
        let (outcome, heard) = self
            .call(meter, "hold", intended, Side::Commands, &request)
            .await;
        let reservation = heard
            .filter(|_| outcome == Outcome::Created)
            .and_then(|heard| Some(heard.field("reservation_id")?.to_owned()));
        (outcome, reservation)
    }

    /// Pays for a reservation; the position of the payment's last event. `wish.seat` is not asked.
    pub(super) async fn pay(
        &mut self,
        meter: &Meter,
        intended: Instant,
        wish: Wish<'_>,
        reservation: &str,
    ) -> (Outcome, Option<u64>) {
        let body = format!(r#"{{"reservation_id":"{reservation}","method":"points"}}"#);
        let request = command(self.commands, wish.customer, wish.show, ("pay", wish.key));
        let request = request("/v1/payments", &body);
        let (outcome, heard) = self
            .call(meter, "pay", intended, Side::Commands, &request)
            .await;
        let position = heard.and_then(|heard| heard.field("position")?.parse().ok());
        (outcome, position)
    }
}

/// Who wants which seat.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish<'a> {
    pub(super) customer: &'a Customer,
    pub(super) show: &'a str,
    pub(super) seat: &'a str,
    /// Names the attempt among the customer's for this show.
    pub(super) key: u64,
}

/// Makes a command of a customer, keyed, sent to where the show is.
pub(super) fn command<'a>(
    host: SocketAddr,
    customer: &'a Customer,
    show: &'a str,
    (name, key): (&'a str, u64),
) -> impl FnOnce(&str, &str) -> Vec<u8> + use<'a> {
    move |path, body| {
        let key = format_args!("{name}-{show}-{key}");
        post(
            host,
            path,
            &[
                ("authorization", &customer.bearer),
                ("idempotency-key", &key),
                (SHOW_ID, &show),
            ],
            body,
        )
    }
}

/// Makes a read of a customer's own things.
pub(super) fn own(host: SocketAddr, customer: &Customer, path: &str) -> Vec<u8> {
    get(host, path, &[("authorization", &customer.bearer)])
}
