//! Sets the scene of `mixed` for a tool that makes the load itself, and tells it what it needs.

use serde_json::{Value, json};

use super::super::{Size, crowd::Pace, scene::Scene};

/// Customers with points and a place in a queue, the seats of a show that sells, a show where nothing happens.
pub(in super::super) async fn run(scene: &mut Scene, size: Size) -> anyhow::Result<Value> {
    let queued = scene.queued_show().await?;
    let quiet = scene.show().await?;
    // Seats enough for the whole run: one call in ten holds one.
    let holds = Pace::during(size.rate * 0.1, size.seconds).count;
    let shows = scene.shows(holds).await?;
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
