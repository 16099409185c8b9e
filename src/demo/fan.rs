//! One fan: looks, holds, wanders off or pays, and comes back for what others let go.

use std::{sync::Arc, time::Duration};

use hyper::{
    Method, StatusCode,
    http::{HeaderValue, header},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::hall::{Free, Plan, Tally, Wish};
use crate::driver::{Answer, Call, Driver, Outcome, Random};

/// Of a hundred fans with a hold, so many walk away without a word: their hold runs out.
const LETS_HOLD_RUN_OUT_PERCENT: u64 = 5;
/// Of a hundred others, so many give their hold back.
const GIVES_BACK_PERCENT: u64 = 3;
/// Between seeing places and asking for them, or holding and paying, a fan takes up to so long.
const THINK: Duration = Duration::from_millis(200);
/// How often a fan looks again while nothing is free, give or take half.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// An unknown outcome or a busy server is met by the same request with the same key, at most so often.
const REPEATS: u32 = 8;

/// How a fan's evening ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Paid for so many places.
    Bought(u32),
    /// Held places and let the hold run out.
    LetRunOut,
    /// Held places and gave them back.
    GaveBack,
    /// The hall was sold out before.
    WentWithout,
    /// The server did not say what became of the payment.
    Unclear,
}

impl Ending {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bought(_) => "bought",
            Self::LetRunOut => "let_hold_run_out",
            Self::GaveBack => "gave_back",
            Self::WentWithout => "went_without",
            Self::Unclear => "unclear",
        }
    }
}

/// What every fan knows.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) driver: Driver,
    pub(super) plan: Plan,
    pub(super) tally: Tally,
    pub(super) show_id: Uuid,
    /// Everybody goes home then.
    pub(super) closes_at: Instant,
}

/// A fan.
#[derive(Debug)]
pub(super) struct Fan {
    scene: Arc<Scene>,
    authorization: HeaderValue,
    random: Random,
    wants: u32,
    /// Version of what the fan saw, and what it was.
    seen: Option<(HeaderValue, Arc<Free>)>,
}

#[derive(Deserialize)]
struct Held {
    reservation_id: Uuid,
    #[serde(default)]
    seats: Vec<serde::de::IgnoredAny>,
    standing: Option<StandingHeld>,
}

#[derive(Deserialize)]
struct StandingHeld {
    quantity: u32,
}

impl Held {
    fn places(&self) -> u32 {
        let seats = u32::try_from(self.seats.len()).unwrap_or(u32::MAX);
        seats + self.standing.as_ref().map_or(0, |area| area.quantity)
    }
}

impl Fan {
    pub(super) fn new(scene: Arc<Scene>, authorization: HeaderValue, seed: u64) -> Self {
        let mut random = Random::new(seed);
        // Most come in pairs.
        let wants = [1, 2, 2, 2, 2, 3, 3, 4][random.index(8)];
        Self {
            scene,
            authorization,
            random,
            wants,
            seen: None,
        }
    }

    /// Plays the evening from the fan's arrival on.
    pub(super) async fn play(mut self, arrival: Instant) {
        let ending = self.evening(arrival).await;
        self.scene.tally.count(ending);
    }

    async fn evening(&mut self, arrival: Instant) -> Ending {
        self.open_map(arrival).await;
        let mut due = self.pause(THINK).await;
        while !self.scene.tally.sold_out() && Instant::now() < self.scene.closes_at {
            let free = self.look(due).await;
            let Some(wish) = self.scene.plan.wish(&free, self.wants, &mut self.random) else {
                due = self.pause(LOOK_AGAIN).await;
                continue;
            };
            due = self.pause(THINK).await;
            let held = self.hold(&wish, free.places(), due).await;
            due = self.pause(THINK).await;
            let Some(held) = held else {
                continue;
            };
            if self.random.percent(LETS_HOLD_RUN_OUT_PERCENT) {
                return Ending::LetRunOut;
            }
            if self.random.percent(GIVES_BACK_PERCENT) {
                self.give_back(&held, due).await;
                return Ending::GaveBack;
            }
            match self.pay(&held, due).await {
                Outcome::Created => return Ending::Bought(held.places()),
                Outcome::Refused(_) => due = self.pause(THINK).await,
                Outcome::Done | Outcome::Failed(_) | Outcome::Unknown => return Ending::Unclear,
            }
        }
        Ending::WentWithout
    }

    /// Opens the page with the whole map, compressed as a browser asks for it. All fans share the plan, which was read before.
    async fn open_map(&self, due: Instant) {
        let call = Call::get(format!("/v1/shows/{}/seats", self.scene.show_id)).header(
            header::ACCEPT_ENCODING,
            const { HeaderValue::from_static("gzip") },
        );
        self.scene.driver.call("map", due, call).await;
    }

    /// Asks for the places' status, if it changed since the last time.
    async fn look(&mut self, due: Instant) -> Arc<Free> {
        let mut call = Call::get(format!("/v1/shows/{}/seats/status", self.scene.show_id));
        if let Some((etag, _)) = &self.seen {
            call = call.header(header::IF_NONE_MATCH, etag.clone());
        }
        let answer = self.scene.driver.call("status", due, call).await;
        if let Some(reply) = answer.reply
            && reply.status == StatusCode::OK
            && let Ok(free) = self.scene.plan.free(&reply.body)
        {
            let free = Arc::new(free);
            self.seen = reply
                .headers
                .get(header::ETAG)
                .map(|etag| (etag.clone(), free.clone()));
            return free;
        }
        // Unchanged, or no answer: what was seen last.
        self.seen
            .as_ref()
            .map_or_else(Arc::default, |(_, free)| free.clone())
    }

    /// Asks for places. A fan who is refused asks for one less the next time.
    async fn hold(&mut self, wish: &Wish, free: u32, due: Instant) -> Option<Held> {
        let show_id = self.scene.show_id;
        let body = match wish {
            Wish::Seats(seats) => json!({"show_id": show_id, "seats": seats}),
            Wish::BestAvailable { category, quantity } => {
                // Towards the end nobody insists on sitting together.
                let adjacent = *quantity > 1 && free > 100;
                json!({"show_id": show_id, "best_available":
                    {"category": category, "quantity": quantity, "adjacent": adjacent}})
            }
            Wish::Standing { category, quantity } => json!({"show_id": show_id, "standing":
                {"category": category, "quantity": quantity}}),
        };
        let answer = self.post("hold", "/v1/reservations", &body, due).await;
        if answer.outcome.refusal().is_some() {
            self.wants = (self.wants - 1).max(1);
        }
        (answer.outcome == Outcome::Created)
            .then(|| answer.json())
            .flatten()
    }

    async fn pay(&mut self, held: &Held, due: Instant) -> Outcome {
        let body = json!({"reservation_id": held.reservation_id, "method": "points"});
        self.post("pay", "/v1/payments", &body, due).await.outcome
    }

    async fn give_back(&mut self, held: &Held, due: Instant) {
        let path = format!("/v1/reservations/{}/cancel", held.reservation_id);
        self.post("release", &path, &Value::Null, due).await;
    }

    /// A command; repeated with its key while the server is busy or its outcome is unknown.
    async fn post(&mut self, name: &'static str, path: &str, body: &Value, due: Instant) -> Answer {
        let key = format!("{:016x}", self.random.bits());
        let mut call = Call::post(path, body)
            .authorized(self.authorization.clone())
            .keyed(key);
        if body.is_null() {
            call.method = Method::POST;
            call.body.clear();
        }
        let mut due = due;
        for _ in 1..REPEATS {
            let answer = self.scene.driver.call(name, due, call.clone()).await;
            let settled = match &answer.outcome {
                Outcome::Created | Outcome::Refused(_) => true,
                // 202: accepted and still running; asking again drives it on.
                Outcome::Done => answer
                    .reply
                    .as_ref()
                    .is_none_or(|reply| reply.status != StatusCode::ACCEPTED),
                Outcome::Failed(_) | Outcome::Unknown => false,
            };
            if settled {
                return answer;
            }
            due = self.pause(LOOK_AGAIN).await;
        }
        self.scene.driver.call(name, due, call).await
    }

    /// Lets about `length` pass, and answers when the next step is due.
    async fn pause(&mut self, length: Duration) -> Instant {
        let due = Instant::now() + length.mul_f64(0.5 + self.random.unit());
        sleep_until(due).await;
        due
    }
}
