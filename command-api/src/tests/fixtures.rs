//! What the tests send, and how they stop a saga.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::failpoints::Failpoints;

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
