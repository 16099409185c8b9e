//! The demo catalogue: a real hall with a concert on sale, put up through the command API like anybody else's.

use chrono::{DateTime, TimeDelta, Utc};
use hyper::http::HeaderValue;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::driver::{Call, Connections, Outcome};

/// The Riethsporthalle in Erfurt: 1,252 numbered seats.
const SEATING_PLAN: &str = include_str!("../tests/venues/riethsporthalle-erfurt.seating-plan.json");
/// Standing places beside them: 1,500 places together.
const STANDING_PLACES: u32 = 248;
/// Name and category of the standing area.
const STANDING: &str = "Standing";
/// Every place of the hall.
pub const CAPACITY: u32 = 1_500;
/// The category whose seats a newcomer is shown: few enough to read.
pub const SHOWCASE_CATEGORY: &str = "VIP";

/// How the show is sold.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// First instant of the sale.
    pub on_sale_at: DateTime<Utc>,
    /// Length of a hold.
    pub hold_seconds: u32,
    /// Places per customer, 1 to 100.
    pub max_seats_per_customer: u32,
}

impl Terms {
    /// A data folder may be tried for a year.
    fn starts_at(&self) -> DateTime<Utc> {
        self.on_sale_at + TimeDelta::days(365)
    }
}

/// Puts the catalogue up on behalf of the organizer that `organizer` speaks for, and answers with the show's id. Every call has a key
/// of its own that begins with `key`, so that an import that was cut short can be run again.
///
/// # Errors
/// What the server refused.
pub async fn import(
    server: &Connections,
    organizer: &HeaderValue,
    key: &str,
    terms: &Terms,
) -> anyhow::Result<Uuid> {
    let plan: Value = serde_json::from_str(SEATING_PLAN)?;
    let post = |path: &'static str, body: Value| {
        Call::post(path, &body)
            .authorized(organizer.clone())
            .keyed(format!("{key}{path}"))
    };
    let venue = json!({
        "name": plan["name"],
        "seating_plan": plan,
        "standing": [{"name": STANDING, "category": STANDING, "capacity": STANDING_PLACES}],
    });
    let venue: Venue = created(server, post("/v1/venues", venue)).await?;
    let concert = json!({
        "title": "First Night of the Season",
        "artist": "The Front Row",
        "description": "A concert to try Frontrow with.",
    });
    let concert: Concert = created(server, post("/v1/concerts", concert)).await?;
    let show = json!({
        "concert_id": concert.concert_id,
        "venue_id": venue.venue_id,
        "starts_at": terms.starts_at(),
        "on_sale_at": terms.on_sale_at,
        "prices": {
            "Kategorie I": 90, "Kategorie II": 70, "Kategorie III": 50, "Fanblock": 60, "C unten": 55, "VIP": 150,
            STANDING: 40,
        },
        "hold_seconds": terms.hold_seconds,
        "max_seats_per_customer": terms.max_seats_per_customer,
    });
    let show: Show = created(server, post("/v1/shows", show)).await?;
    Ok(show.show_id)
}

/// Sends a call that must be answered with 201 or 200.
///
/// # Errors
/// The server's own words otherwise.
pub async fn created<T: serde::de::DeserializeOwned>(
    server: &Connections,
    call: Call,
) -> anyhow::Result<T> {
    let path = call.path.clone();
    let result = server.send(call).await;
    let outcome = Outcome::of(&result);
    match (outcome, result) {
        (Outcome::Created | Outcome::Done, Ok(reply)) => Ok(serde_json::from_slice(&reply.body)?),
        (_, Ok(reply)) => anyhow::bail!(
            "{path} was answered {}: {}",
            reply.status,
            String::from_utf8_lossy(&reply.body)
        ),
        (_, Err(failure)) => anyhow::bail!("{path} was not answered: {failure}"),
    }
}

#[derive(Deserialize)]
struct Venue {
    venue_id: Uuid,
}

#[derive(Deserialize)]
struct Concert {
    concert_id: Uuid,
}

#[derive(Deserialize)]
struct Show {
    show_id: Uuid,
}
