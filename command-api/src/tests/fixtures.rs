//! What the tests send, and how they stop a saga.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    sync::{Notify, Semaphore},
    time::timeout,
};
use uuid::Uuid;

use crate::failpoints::Failpoints;

/// Longest wait for somebody who must come to a gate.
const BOUND: Duration = Duration::from_secs(10);

pub(super) fn customer_id(number: u128) -> Uuid {
    Uuid::from_u128(0x100 + number)
}

#[track_caller]
pub(super) fn text(body: &Value, field: &str) -> String {
    body[field].as_str().unwrap().to_owned()
}

pub(super) fn venue() -> Value {
    let row = |row: &str, y: u32| {
        let seats: Vec<_> = (1..=6)
            .map(|seat| {
                json!({
                    "seat_guid": format!("{row}-{seat}"), "seat_number": seat.to_string(), "category": "Parquet",
                    "position": {"x": 20 * seat, "y": 0}
                })
            })
            .collect();
        json!({"row_number": row, "position": {"x": 0, "y": y}, "seats": seats})
    };
    json!({
        "name": "Hall",
        "seating_plan": {
            "name": "Hall", "size": {"width": 140, "height": 100}, "categories": [{"name": "Parquet", "color": "#000000"}],
            "zones": [{"name": "Floor", "position": {"x": 0, "y": 0}, "rows": [row("A", 20), row("B", 40)]}]
        },
        "standing": [{"name": "Pit", "category": "Standing", "capacity": 10}]
    })
}

pub(super) fn show(venue: &str, concert: &str) -> Value {
    json!({
        "concert_id": concert, "venue_id": venue, "starts_at": "2026-08-01T19:00:00Z",
        "on_sale_at": "2026-06-01T10:00:00Z", "prices": {"Parquet": 100, "Standing": 40}
    })
}

/// Failpoints that stop whoever first passes `at`, for good, and tell of it.
pub(super) fn stop_once(at: &'static str) -> (Failpoints, Arc<Notify>) {
    let (reached, fired) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let told = reached.clone();
    let failpoints = Failpoints::new(move |name| {
        if name != at || fired.swap(true, Ordering::SeqCst) {
            return Box::pin(std::future::ready(()));
        }
        told.notify_one();
        Box::pin(std::future::pending())
    });
    (failpoints, reached)
}

/// A failpoint that holds back who passes it, until it is opened. Others go through.
#[derive(Clone)]
pub(super) struct Gate(Arc<Held>);

struct Held {
    at: &'static str,
    /// Which passers are held, counted from 0.
    which: Range<usize>,
    passed: AtomicUsize,
    reached: Semaphore,
    opened: Semaphore,
}

impl Gate {
    /// Holds the first who passes `at`.
    pub(super) fn at(at: &'static str) -> Self {
        Self::of(at, 0..1)
    }

    /// Holds those of `which` among the passers of `at`.
    pub(super) fn of(at: &'static str, which: Range<usize>) -> Self {
        Self(Arc::new(Held {
            at,
            which,
            passed: AtomicUsize::new(0),
            reached: Semaphore::new(0),
            opened: Semaphore::new(0),
        }))
    }

    pub(super) fn failpoints(&self) -> Failpoints {
        let gate = self.clone();
        Failpoints::new(move |name| {
            let held = gate.0.clone();
            if name != held.at
                || !held
                    .which
                    .contains(&held.passed.fetch_add(1, Ordering::SeqCst))
            {
                return Box::pin(std::future::ready(()));
            }
            Box::pin(async move {
                held.reached.add_permits(1);
                held.opened.acquire().await.unwrap().forget();
            })
        })
    }

    /// Waits until all whom it holds are there.
    pub(super) async fn reached(&self) {
        let all = u32::try_from(self.0.which.len()).unwrap();
        let reached = timeout(BOUND, self.0.reached.acquire_many(all)).await;
        reached
            .unwrap_or_else(|_| panic!("{} is not reached", self.0.at))
            .unwrap()
            .forget();
    }

    /// Lets them go.
    pub(super) fn open(&self) {
        self.0.opened.add_permits(self.0.which.len());
    }
}
