//! Starts the all-in-one on a temporary folder and buys a ticket over HTTP: `cargo run --example buy_a_ticket`.

use edge::auth::Role;
use frontrow::app::{App, AppConfig};
use reqwest::Client;
use serde_json::{Value, json};
use uuid::Uuid;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "an example shows what it got")]
async fn main() -> anyhow::Result<()> {
    let ticket = buy_a_ticket().await?;
    println!("{ticket:#}");
    Ok(())
}

/// Charges points, holds the best seat, pays for it, and reads the reservation back.
pub(crate) async fn buy_a_ticket() -> anyhow::Result<Value> {
    let folder = std::env::temp_dir().join(format!("frontrow-example-{}", Uuid::now_v7()));
    let mut config = AppConfig::for_tests(&folder);
    config.settings.server.demo_catalogue = true;
    let app = App::start(config).await?;
    let fan = app.token(Role::Customer, Uuid::now_v7())?;
    let http = Client::new();
    let get = async |path: &str, position: &Value| -> anyhow::Result<Value> {
        let call = http.get(format!("{}{path}", app.url())).bearer_auth(&fan);
        // A read can wait for what a command has just written.
        let call = call.header("At-Least-Position", position.to_string());
        Ok(call.send().await?.error_for_status()?.json().await?)
    };
    let post = async |path: &str, body: Value| -> anyhow::Result<Value> {
        let call = http.post(format!("{}{path}", app.url())).bearer_auth(&fan);
        // With a key, the call can be repeated after a time-out and still takes effect once.
        let call = call.header("Idempotency-Key", Uuid::now_v7().to_string());
        Ok(call
            .json(&body)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?)
    };

    post("/v1/points/charges", json!({"amount": 10_000})).await?;
    let shows = get("/v1/shows", &json!(0)).await?;
    let show = &shows["items"][0];
    let seats = get(
        &format!(
            "/v1/shows/{}/seats?status=available",
            text(&show["show_id"])
        ),
        &json!(0),
    )
    .await?;
    let best = json!({"category": seats["seats"][0]["category"], "quantity": 1, "adjacent": true});
    let held = post(
        "/v1/reservations",
        json!({"show_id": show["show_id"], "best_available": best}),
    )
    .await?;
    let paid = post(
        "/v1/payments",
        json!({"reservation_id": held["reservation_id"], "method": "points"}),
    )
    .await?;
    let ticket = get(
        &format!("/v1/reservations/{}", text(&held["reservation_id"])),
        &paid["position"],
    )
    .await?;
    app.shutdown().await?;
    std::fs::remove_dir_all(&folder)?;
    Ok(ticket)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
