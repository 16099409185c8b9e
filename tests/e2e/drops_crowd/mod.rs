//! A drop with a crowd, while whoever looks after it is killed: embedded the one process, distributed both process managers at once.
//!
//! ```text
//!  a third in ─ kill ─▶ two thirds in ─ kill ─▶ all in, closed ─▶ drawing ─ kill ─▶ half drawn ─ kill ─▶ paying ─ kill ─▶ over
//! ```
//!
//! `FRONTROW_TEST_DROP_ENTRIES` says how many enter; `tests/run drops` asks for 200,000.

mod checks;
mod entering;
mod stage;
mod stops;

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use edge::auth::Role;
use event_store::{Clock, SystemClock};
use futures::future::join;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use uuid::Uuid;

use self::{
    checks::Results,
    entering::{Crowd, Entered},
    stage::Stage,
};

/// Entries, unless the environment says how many.
const ENTRIES: usize = 2_000;
/// The chance of each.
const CHANCE: (usize, usize) = (5, 100);
/// How long draw, payment and telling may take.
const PATIENCE: Duration = Duration::from_mins(10);

fn entries() -> usize {
    let wanted = std::env::var("FRONTROW_TEST_DROP_ENTRIES").ok();
    wanted.map_or(ENTRIES, |wanted| wanted.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_is_drawn_once_however_often_the_one_process_is_killed() {
    run("embedded", Stage::embedded()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_is_drawn_once_however_often_the_managers_are_killed() {
    if let Some(stage) = Stage::distributed("a drop with a crowd").await {
        run("distributed", stage).await;
    }
}

/// A drop on its way.
struct Run {
    stage: Stage,
    client: Client,
    organizer: String,
    drop: String,
    count: usize,
    stock: usize,
    /// Where each kill was.
    kills: Mutex<Vec<String>>,
}

async fn run(mode: &str, stage: Stage) {
    let run = Run::open(stage, entries()).await;
    let (entered, entering) = run.enter().await;
    let begun = Instant::now();
    let (over, position) = run.draw().await;
    let drawing = begun.elapsed();
    let results = Results::of(&run, &entered, &over, &position).await;
    run.until_told(&entered, &position).await;
    let telling = begun.elapsed();
    results.check_told(&run).await;
    let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    let (mean, spread) = run.expected();
    let rate = run.count as u128 * 1_000 / entering.as_millis().max(1);
    let kills = run.kills.lock().unwrap().clone();
    servers::crowd(&[
        mode.to_owned(),
        run.count.to_string(),
        results.won.to_string(),
        format!("{mean} ± {spread}"),
        format!("{} of {}", results.stock_left, run.stock),
        results.answered_once.to_string(),
        kills.len().to_string(),
        entered.repeated.to_string(),
        format!("{} ({rate}/s)", seconds(entering)),
        seconds(drawing),
        seconds(telling),
    ]);
    for kill in &kills {
        eprintln!("killed {kill}");
    }
    assert!(results.won.abs_diff(mean) <= spread, "{}", results.won);
    assert_eq!(results.stock_left, run.stock - results.won);
    assert_eq!((results.answered_once, kills.len()), (run.count, 5));
    run.stage.check().await;
}

impl Run {
    async fn open(stage: Stage, count: usize) -> Self {
        stage.fix_secret().await;
        // No connection outlives a server.
        let client = Client::builder().pool_max_idle_per_host(0).build();
        let (client, organizer) = (
            client.unwrap(),
            stage.token(Role::Organizer, Uuid::now_v7()),
        );
        let (now, stock) = (SystemClock.now(), count / 10);
        let body = json!({"title": "Signed vinyl", "stock": stock, "win_probability": "0.05", "price": 0,
            "opens_at": now - TimeDelta::seconds(60), "closes_at": now + TimeDelta::days(1), "draw": "at_close"});
        let mut run = Self {
            stage,
            client,
            organizer,
            drop: String::new(),
            count,
            stock,
            kills: Mutex::default(),
        };
        let opened = run.post("/v1/drops", &body).await;
        opened["drop_id"]
            .as_str()
            .unwrap()
            .clone_into(&mut run.drop);
        run
    }

    /// Wins, and four standard deviations.
    fn expected(&self) -> (usize, usize) {
        let (chance, of) = CHANCE;
        let variance = self.count * chance * (of - chance) / (of * of);
        (self.count * chance / of, (16 * variance).isqrt())
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.stage.command_url());
        let call = self
            .client
            .post(url)
            .bearer_auth(&self.organizer)
            .json(body);
        let reply = call.send().await.unwrap();
        let status = reply.status();
        let body: Value = reply.json().await.unwrap();
        assert!(status.is_success(), "{path}: {body}");
        body
    }

    /// The drop as it stands, and where in the log that is.
    async fn look(&self) -> Option<(Value, String)> {
        let url = format!("{}/v1/drops/{}", self.stage.query_url(), self.drop);
        let reply = self.client.get(url).send().await.ok()?;
        let position = reply.headers().get("position")?.to_str().ok()?.to_owned();
        Some((reply.json().await.ok()?, position))
    }

    /// Kills, and starts again.
    async fn kill(&self, at: String) {
        self.stage.kill_managers();
        self.kills.lock().unwrap().push(at);
        self.stage.start_managers().await;
    }

    /// Everybody enters, while the managers are killed twice. How long that took.
    async fn enter(&self) -> (Entered, Duration) {
        let begun = Instant::now();
        let crowd = Crowd::new(&self.stage, &self.drop, self.count);
        let mut accepted = crowd.accepted();
        let killing = async {
            for third in 1..3 {
                let enough = self.count * third / 3;
                let seen = accepted.wait_for(|seen| *seen >= enough).await;
                let at = format!("with {} entered", *seen.unwrap());
                self.kill(at).await;
            }
        };
        let (entered, ()) = join(crowd.enter(), killing).await;
        (entered, begun.elapsed())
    }

    /// Closes the drop, and kills the managers while they draw it, half drawn, and while winners pay. The drop when it is over, and where
    /// in the log.
    async fn draw(&self) -> (Value, String) {
        let close = format!("/v1/drops/{}/close", self.drop);
        let closed = self.post(&close, &json!({})).await;
        assert_eq!(closed["entries"].as_u64(), Some(self.count as u64));
        let half = self.count as u64 / 2;
        let number = |drop: &Value, field: &str| drop[field].as_u64().unwrap_or_default();
        let reached: [&dyn Fn(&Value) -> bool; 3] = [
            &|drop| number(drop, "drawn") > 0,
            &|drop| number(drop, "drawn") >= half,
            &|drop| number(drop, "won") > 0,
        ];
        for reached in reached {
            let (drop, _) = self.until(reached).await;
            let at = format!("with {} drawn, {} paid", drop["drawn"], drop["won"]);
            self.kill(at).await;
        }
        self.until(|drop| drop["status"] == "over").await
    }

    async fn until(&self, holds: impl Fn(&Value) -> bool) -> (Value, String) {
        let end = Instant::now() + PATIENCE;
        loop {
            let seen = self.look().await;
            if let Some(seen) = &seen
                && holds(&seen.0)
            {
                return seen.clone();
            }
            assert!(Instant::now() < end, "gave up waiting: {seen:?}");
            tokio::task::yield_now().await;
        }
    }

    /// Waits until everything up to a position is told. Anybody's list says so.
    async fn until_told(&self, entered: &Entered, position: &str) {
        let end = Instant::now() + PATIENCE;
        let token = self.stage.token(Role::Customer, entered.fans[0].customer);
        let url = format!("{}/v1/me/notifications", self.stage.command_url());
        loop {
            let call = self
                .client
                .request(Method::GET, &url)
                .bearer_auth(&token)
                .header("at-least-position", position);
            let reply = call.send().await.unwrap();
            let (status, body): (_, Value) = (reply.status(), reply.json().await.unwrap());
            if status.is_success() {
                let items = body["items"].as_array().unwrap();
                assert_eq!(items.len(), 1, "{body}");
                return;
            }
            assert!(Instant::now() < end, "not told in time: {body}");
        }
    }
}
