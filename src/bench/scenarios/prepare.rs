//! Sets the scene of `mixed` for a tool that makes the load itself, and tells it what it needs.

use serde_json::{Value, json};

use super::super::{Size, scene::Scene};

/// Customers with points and a place in a queue, the seats of a show that sells, a show where nothing happens.
pub(in super::super) async fn run(scene: &mut Scene, size: Size) -> anyhow::Result<Value> {
    let room = json!({"admit_per_second": 1, "max_active": 1, "pass_seconds": 7_200});
    let queued = scene.show_with(json!({"waiting_room": room})).await?;
    let quiet = scene.show().await?;
    let mut shows = Vec::new();
    // Seats enough for a run of several minutes.
    let (rate, seats) = (size.rate * 0.1, scene.seats.len());
    let mut left = super::super::crowd::Pace::during(rate, size.seconds).count;
    loop {
        shows.push(scene.show().await?);
        left = left.saturating_sub(seats as u64);
        if left == 0 {
            break;
        }
    }
    let customers = scene.customers(size.users);
    scene.charge(&customers).await?;
    let entries = scene.enter(&queued, &customers).await?;
    let users = customers.iter().zip(entries).map(|(customer, entry)| {
        json!({
            "authorization": &*customer.bearer,
            "position": format!("/v1/waiting-room/{queued}/entries/{entry}"),
        })
    });
    let queries = scene.queries.iter().map(|addr| format!("http://{addr}"));
    Ok(json!({
        "commands": format!("http://{}", scene.commands),
        "queries": queries.collect::<Vec<_>>(),
        "quiet": quiet,
        "shows": shows,
        "seats": &*scene.seats,
        "users": users.collect::<Vec<_>>(),
    }))
}
