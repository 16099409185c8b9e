//! The scene: a hall, shows on sale in it, and customers, put up through the API as an organizer would.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, anyhow, bail, ensure};
use chrono::TimeDelta;
use edge::auth::{Principal, Role, SIGNING_KEY_FILE, Signer};
use event_store::{Clock, SystemClock};
use futures::{StreamExt, TryStreamExt, stream};
use hyper::http::{HeaderName, HeaderValue, header::ETAG};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::{
    catalogue::created,
    cli::Bench,
    driver::{Call, Connections, address},
    signing,
};

/// A hall of 15,000 seats.
const ARENA: &str = include_str!("../../tests/venues/arena-15k.seating-plan.json");
/// What a seat costs.
pub(super) const PRICE: u64 = 10;
/// What a customer is given: more than anyone spends.
pub(super) const POINTS: u64 = 100_000_000;
/// Longer than a run: what is held and not paid stays held.
const HOLD_SECONDS: u32 = 3_600;
/// The most that a show may allow.
pub(super) const MAX_SEATS_PER_CUSTOMER: u64 = 100;
/// Preparations under way at a time.
const PREPARING: usize = 64;
/// How long the read side may take to show what was put up.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long to wait before asking again.
const PAUSE: Duration = Duration::from_millis(20);
/// Where commands on a show are sent by.
pub(super) const SHOW_ID: &str = "show-id";
/// What a read is to show at least.
const AT_LEAST: HeaderName = HeaderName::from_static("at-least-position");
/// Validity of the tokens.
const TOKENS_VALID_FOR: Duration = Duration::from_hours(4);

/// A running system, and what it takes to be its customers.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) commands: SocketAddr,
    pub(super) queries: Vec<SocketAddr>,
    signer: Signer,
    organizer: HeaderValue,
    writing: Arc<Connections>,
    reading: Vec<Arc<Connections>>,
    plan: Value,
    venue: Option<(String, String)>,
    /// Ids in plan order.
    pub(super) seats: Arc<Vec<String>>,
    /// Seats of the first row: the first ones in plan order.
    pub(super) first_row: usize,
}

/// A customer with a token.
#[derive(Debug, Clone)]
pub(super) struct Customer {
    /// The header `Authorization`.
    pub(super) bearer: Arc<str>,
}

/// The parts of a seating plan that matter here.
#[derive(Deserialize)]
struct Plan {
    categories: Vec<Category>,
    zones: Vec<Zone>,
}

#[derive(Deserialize)]
struct Category {
    name: String,
}

#[derive(Deserialize)]
struct Zone {
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    seats: Vec<Seat>,
}

#[derive(Deserialize)]
struct Seat {
    seat_guid: String,
}

impl Scene {
    /// The system that the arguments name, as it is.
    ///
    /// # Errors
    /// An address that can't be used, a key or a plan that can't be read.
    pub(super) fn of(
        arguments: &Bench,
        settings: &crate::config::Settings,
    ) -> anyhow::Result<Self> {
        let commands = address(&arguments.url)?;
        let queries = arguments.query_url.iter().map(|url| address(url));
        let mut queries = queries.collect::<anyhow::Result<Vec<_>>>()?;
        if queries.is_empty() {
            queries.push(commands);
        }
        for addr in queries.iter().chain([&commands]) {
            ensure!(
                addr.ip().is_loopback() || arguments.allow_remote,
                "{addr} is another machine's: a load test there needs --allow-remote"
            );
        }
        let signer = if let Some(path) = &arguments.signing_key {
            Signer::read(path).context("--signing-key can't be used")?
        } else {
            // The server's key is asked for: a new one is nobody's.
            let own = settings.server.data.join(SIGNING_KEY_FILE);
            ensure!(
                !settings.auth.signing_key.is_empty() || own.is_file(),
                "{} is not there: --data names the server's folder, --signing-key the file of its key",
                own.display()
            );
            signing::signer(settings)?
        };
        let plan = match &arguments.plan {
            Some(path) => read_plan(path)?,
            None => serde_json::from_str(ARENA)?,
        };
        let (seats, first_row) = seats(&plan).context("the seating plan can't be read")?;
        let organizer = bearer(&signer, Role::Organizer, Uuid::now_v7());
        Ok(Self {
            commands,
            organizer: HeaderValue::from_str(&organizer)?,
            signer,
            writing: Connections::new(commands, PREPARING),
            reading: queries
                .iter()
                .map(|addr| Connections::new(*addr, 1))
                .collect(),
            queries,
            plan,
            venue: None,
            seats: Arc::new(seats),
            first_row,
        })
    }

    /// New customers, who need not be registered.
    pub(super) fn customers(&self, count: usize) -> Vec<Customer> {
        let customer = |_| Customer {
            bearer: bearer(&self.signer, Role::Customer, Uuid::now_v7()).into(),
        };
        (0..count).map(customer).collect()
    }

    /// Gives each of them more points than they can spend.
    ///
    /// # Errors
    /// What the server refused.
    pub(super) async fn charge(&self, customers: &[Customer]) -> anyhow::Result<()> {
        let body = json!({"amount": POINTS});
        let each = stream::iter(customers).map(|customer| async {
            let call = Call::post("/v1/points/charges", &body).authorized(customer.header()?);
            created::<Value>(&self.writing, call).await
        });
        let all: anyhow::Result<Vec<_>> = each.buffer_unordered(PREPARING).try_collect().await;
        all.context("the customers' points could not be charged")?;
        Ok(())
    }

    /// A show of the whole hall, on sale, without a waiting room. It can be read.
    ///
    /// # Errors
    /// What the server refused.
    pub(super) async fn show(&mut self) -> anyhow::Result<String> {
        self.show_with(json!({})).await
    }

    /// The same with further settings.
    ///
    /// # Errors
    /// What the server refused.
    pub(super) async fn show_with(&mut self, further: Value) -> anyhow::Result<String> {
        let (venue, concert) = self.venue().await?;
        let categories: Plan = serde_json::from_value(self.plan.clone())?;
        let prices = categories.categories.into_iter();
        let prices: Map<_, _> = prices.map(|one| (one.name, json!(PRICE))).collect();
        let now = SystemClock.now();
        let mut show = json!({
            "concert_id": concert,
            "venue_id": venue,
            "starts_at": now + TimeDelta::days(30),
            "on_sale_at": now - TimeDelta::minutes(1),
            "prices": prices,
            "hold_seconds": HOLD_SECONDS,
            "max_seats_per_customer": MAX_SEATS_PER_CUSTOMER,
        });
        if let (Some(show), Value::Object(further)) = (show.as_object_mut(), further) {
            show.extend(further);
        }
        let show = self.post("/v1/shows", &show).await?;
        let id = text(&show, "show_id")?;
        let position = show["position"].as_u64().unwrap_or_default();
        self.read_at(&format!("/v1/shows/{id}/seats/status"), position)
            .await?;
        Ok(id)
    }

    /// Shows one after another, with so many places together; one at least.
    ///
    /// # Errors
    /// What the server refused.
    pub(super) async fn shows(&mut self, places: u64) -> anyhow::Result<Vec<String>> {
        let count = places.div_ceil(self.seats.len() as u64).max(1);
        let mut shows = Vec::new();
        for _ in 0..count {
            shows.push(self.show().await?);
        }
        Ok(shows)
    }

    /// A show with a queue that hardly moves.
    ///
    /// # Errors
    /// What the server refused.
    pub(super) async fn queued_show(&mut self) -> anyhow::Result<String> {
        let room = json!({"admit_per_second": 1, "max_active": 1, "pass_seconds": 7_200});
        self.show_with(json!({"waiting_room": room})).await
    }

    /// Reads on every query API, at or after a position; the last one's answer.
    ///
    /// # Errors
    /// What the server refused, or that the read side did not come so far.
    pub(super) async fn read_at(&self, path: &str, position: u64) -> anyhow::Result<Value> {
        let end = Instant::now() + PATIENCE;
        let mut answer = Value::Null;
        for server in &self.reading {
            answer = loop {
                let call = Call::get(path).header(AT_LEAST, position.into());
                // Until it is there, the answer is 503 after 2 s, or 404 from a map that is not there yet.
                match created::<Value>(server, call).await {
                    Ok(answer) => break answer,
                    Err(error) if Instant::now() > end => return Err(error),
                    Err(_) => sleep(PAUSE).await,
                }
            };
        }
        Ok(answer)
    }

    /// The `ETag` of an answer, from each query API.
    ///
    /// # Errors
    /// An answer that has none.
    pub(super) async fn etags(&self, path: &str) -> anyhow::Result<Vec<String>> {
        let mut etags = Vec::new();
        for server in &self.reading {
            let reply = server.send(Call::get(path)).await;
            let reply = reply.map_err(|failure| anyhow!("{path}: {failure}"))?;
            let etag = reply.headers.get(ETAG).and_then(|etag| etag.to_str().ok());
            let etag = etag.with_context(|| format!("{path}: {} without ETag", reply.status))?;
            etags.push(etag.to_owned());
        }
        Ok(etags)
    }

    /// Reads until the answer is as wanted; the last answer, where that takes too long.
    ///
    /// # Errors
    /// What the server refused.
    pub(super) async fn read_until(
        &self,
        path: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let end = Instant::now() + PATIENCE;
        loop {
            let answer = self.read_at(path, 0).await?;
            if wanted(&answer) || Instant::now() > end {
                return Ok(answer);
            }
            sleep(PAUSE).await;
        }
    }

    /// Sends a command of the organizer.
    ///
    /// # Errors
    /// What the server refused.
    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let call = Call::post(path, body)
            .authorized(self.organizer.clone())
            .keyed(Uuid::now_v7());
        created(&self.writing, call).await
    }

    /// Sends a command of a customer.
    ///
    /// # Errors
    /// What the server refused.
    pub(super) async fn post_as(
        &self,
        customer: &Customer,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<Value> {
        let mut call = Call::post(path, body).authorized(customer.header()?);
        if body.is_null() {
            call.body.clear();
        }
        created(&self.writing, call).await
    }

    /// Puts customers into a show's waiting room; their entries' ids.
    ///
    /// # Errors
    /// What the server refused.
    pub(super) async fn enter(
        &self,
        show: &str,
        customers: &[Customer],
    ) -> anyhow::Result<Vec<String>> {
        let path = format!("/v1/waiting-room/{show}/entries");
        let entries = stream::iter(customers).map(|customer| async {
            let entry = self.post_as(customer, &path, &Value::Null).await?;
            text(&entry, "entry_id")
        });
        let entries = entries.buffered(PREPARING).try_collect().await;
        entries.context("the waiting room could not be filled")
    }

    async fn venue(&mut self) -> anyhow::Result<(String, String)> {
        if let Some(made) = &self.venue {
            return Ok(made.clone());
        }
        let venue = json!({"name": "Arena", "seating_plan": self.plan});
        let venue = self.post("/v1/venues", &venue).await?;
        let concert = json!({"title": "The Storm", "artist": "The Front Row"});
        let concert = self.post("/v1/concerts", &concert).await?;
        let made = (text(&venue, "venue_id")?, text(&concert, "concert_id")?);
        self.venue = Some(made.clone());
        Ok(made)
    }
}

impl Customer {
    pub(super) fn header(&self) -> anyhow::Result<HeaderValue> {
        Ok(HeaderValue::from_str(&self.bearer)?)
    }
}

/// The text of a field.
///
/// # Errors
/// Where there is none.
pub(super) fn text(answer: &Value, field: &str) -> anyhow::Result<String> {
    match answer[field].as_str() {
        Some(text) => Ok(text.to_owned()),
        None => bail!("there is no {field} in {answer}"),
    }
}

fn bearer(signer: &Signer, role: Role, id: Uuid) -> String {
    let token = signer.issue(Principal { id, role }, SystemClock.now(), TOKENS_VALID_FOR);
    format!("Bearer {token}")
}

fn read_plan(path: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read(path).with_context(|| format!("{} can't be read", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no plan", path.display()))
}

/// Every seat in plan order, and how many are in the first row.
fn seats(plan: &Value) -> anyhow::Result<(Vec<String>, usize)> {
    let plan: Plan = serde_json::from_value(plan.clone())?;
    let rows = plan.zones.into_iter().flat_map(|zone| zone.rows);
    let rows: Vec<_> = rows.map(|row| row.seats).collect();
    let first = rows.first().map_or(0, Vec::len);
    let seats = rows.into_iter().flatten().map(|seat| seat.seat_guid);
    let seats: Vec<_> = seats.collect();
    ensure!(first > 0, "its first row has no seats");
    Ok((seats, first))
}
