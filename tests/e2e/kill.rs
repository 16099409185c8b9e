//! `kill -9` under load: what a client saw acknowledged is there, nothing is half done, and what it could not know is settled by asking
//! again with the same key.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use event_store::{Clock, SystemClock};
use futures::future::join_all;
use reqwest::Client;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    harness::{DataFolder, assert_clean, plan},
    operation::{Served, token},
};

const KILLS: usize = 5;
/// Requests under way at any time: one a worker.
const WORKERS: usize = 48;
/// Acknowledged before each kill.
const ACKNOWLEDGED: usize = 1_000;

/// A command as its client remembers it.
#[derive(Clone)]
struct Sent {
    path: &'static str,
    key: String,
    body: Value,
    /// `None`: no answer came, or one that says that the outcome is unknown.
    answer: Option<(u16, Value)>,
    /// Whether it was asked again after a kill.
    settled: bool,
}

/// One customer who charges, holds and pays, one command after the other.
struct Worker {
    token: String,
    journal: Mutex<Vec<Sent>>,
}

/// What all workers of one round share.
struct Round {
    base: String,
    show: String,
    acknowledged: AtomicUsize,
    under_way: AtomicUsize,
    over: AtomicBool,
}

async fn send(client: &Client, base: &str, token: &str, command: &Sent) -> Option<(u16, Value)> {
    let url = format!("{base}{}", command.path);
    let call = client
        .post(url)
        .bearer_auth(token)
        .header("idempotency-key", &command.key)
        .json(&command.body);
    let response = call.send().await.ok()?;
    let status = response.status().as_u16();
    let body: Value = response.json().await.ok()?;
    // 202: the payment still runs; 503 says so itself.
    let unknown = status == 202 || status >= 500;
    (!unknown).then_some((status, body))
}

impl Worker {
    /// Sends one command and remembers it, whatever comes back.
    async fn command(
        &self,
        client: &Client,
        round: &Round,
        path: &'static str,
        body: Value,
    ) -> Option<Value> {
        let sent = Sent {
            path,
            key: Uuid::now_v7().to_string(),
            body,
            answer: None,
            settled: false,
        };
        round.under_way.fetch_add(1, Ordering::SeqCst);
        let answer = send(client, &round.base, &self.token, &sent).await;
        round.under_way.fetch_sub(1, Ordering::SeqCst);
        round.acknowledged.fetch_add(
            usize::from(answer.as_ref().is_some_and(|(status, _)| *status < 300)),
            Ordering::SeqCst,
        );
        self.journal.lock().unwrap().push(Sent {
            answer: answer.clone(),
            ..sent
        });
        answer.and_then(|(status, body)| (status == 201).then_some(body))
    }

    async fn work(&self, client: &Client, round: &Round) {
        while !round.over.load(Ordering::SeqCst) {
            let Some(_) = self
                .command(client, round, "/v1/points/charges", json!({"amount": 10}))
                .await
            else {
                continue;
            };
            let best = json!({"category": "Stalls", "quantity": 1, "adjacent": true});
            let wish = json!({"show_id": round.show, "best_available": best});
            let Some(held) = self.command(client, round, "/v1/reservations", wish).await else {
                continue;
            };
            let pay = json!({"reservation_id": held["reservation_id"], "method": "points"});
            self.command(client, round, "/v1/payments", pay).await;
        }
    }

    /// Asks again, for what is not settled yet or for everything: what was acknowledged must be answered the same, what was unknown
    /// must be settled. Returns how many were unknown.
    async fn settle(&self, client: &Client, base: &str, everything: bool) -> usize {
        let mut unknown = 0;
        let journal = self.journal.lock().unwrap().clone();
        let mut settled = Vec::with_capacity(journal.len());
        for command in journal {
            if command.settled && !everything {
                settled.push(command);
                continue;
            }
            let again = repeat_until_known(client, base, &self.token, &command).await;
            match &command.answer {
                Some(first) if first.0 < 300 => {
                    assert_eq!(*first, again, "{} {}", command.path, command.key);
                }
                // A refusal before anything was recorded is decided anew.
                Some(_) => {}
                None => {
                    unknown += 1;
                    assert_eq!(
                        again,
                        repeat_until_known(client, base, &self.token, &command).await,
                        "{}",
                        command.path
                    );
                }
            }
            settled.push(Sent {
                answer: Some(again),
                settled: true,
                ..command
            });
        }
        *self.journal.lock().unwrap() = settled;
        unknown
    }

    /// Points charged less points paid, by the answers alone.
    fn balance(&self) -> i64 {
        let journal = self.journal.lock().unwrap();
        let effect = |command: &Sent| match (&command.answer, command.path) {
            (Some((201, _)), "/v1/points/charges") => 10,
            (Some((201, body)), "/v1/payments") => -body["amount"].as_i64().unwrap(),
            _ => 0,
        };
        journal.iter().map(effect).sum()
    }
}

async fn repeat_until_known(
    client: &Client,
    base: &str,
    token: &str,
    command: &Sent,
) -> (u16, Value) {
    for _ in 0..200 {
        if let Some(answer) = send(client, base, token, command).await {
            return answer;
        }
    }
    panic!("{} {} was not settled", command.path, command.key);
}

async fn open_show(client: &Client, base: &str, data: &Path) -> String {
    let organizer = token(data, "organizer");
    let post = async |path: &str, body: Value| {
        let reply = client
            .post(format!("{base}{path}"))
            .bearer_auth(&organizer)
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(reply.status(), 201);
        reply.json::<Value>().await.unwrap()
    };
    let now = SystemClock.now();
    let venue = post(
        "/v1/venues",
        json!({"name": "Field", "seating_plan": plan(100, 100)}),
    )
    .await;
    let concert = post(
        "/v1/concerts",
        json!({"title": "Storm", "artist": "The Band"}),
    )
    .await;
    let show = json!({"concert_id": concert["concert_id"], "venue_id": venue["venue_id"], "starts_at": now + TimeDelta::days(9),
        "on_sale_at": now - TimeDelta::seconds(5), "prices": {"Stalls": 10}, "hold_seconds": 3_600, "max_seats_per_customer": 100});
    post("/v1/shows", show).await["show_id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Loads the server until enough is acknowledged, and kills it while requests are under way. Returns how many were.
async fn load_and_kill(
    client: &Client,
    served: &mut Served,
    show: &str,
    workers: &[Worker],
) -> usize {
    let round = Round {
        base: served.base.clone(),
        show: show.to_owned(),
        acknowledged: AtomicUsize::new(0),
        under_way: AtomicUsize::new(0),
        over: AtomicBool::new(false),
    };
    let kill = async {
        let deadline = tokio::time::Instant::now() + Duration::from_mins(2);
        loop {
            let under_way = round.under_way.load(Ordering::SeqCst);
            if round.acknowledged.load(Ordering::SeqCst) >= ACKNOWLEDGED && under_way >= 32 {
                served.child.kill().unwrap();
                round.over.store(true, Ordering::SeqCst);
                return under_way;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "too slow: {:?}",
                round.acknowledged
            );
            tokio::task::yield_now().await;
        }
    };
    let (under_way, _) = tokio::join!(
        kill,
        join_all(workers.iter().map(|worker| worker.work(client, &round)))
    );
    served.child.wait().unwrap();
    under_way
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_is_half_done() {
    let data = DataFolder::new();
    let client = Client::builder()
        .timeout(Duration::from_secs(20))
        .build()
        .unwrap();
    let mut served = Served::start(&data.0);
    let show = open_show(&client, &served.base, &data.0).await;
    let workers: Vec<Worker> = (0..WORKERS)
        .map(|_| Worker {
            token: token(&data.0, "customer"),
            journal: Mutex::default(),
        })
        .collect();
    let workers = Arc::new(workers);
    let mut unknown = 0;
    for _ in 0..KILLS {
        let under_way = load_and_kill(&client, &mut served, &show, &workers).await;
        assert!(under_way >= 32);
        served = Served::start(&data.0);
        unknown += join_all(
            workers
                .iter()
                .map(|worker| worker.settle(&client, &served.base, false)),
        )
        .await
        .iter()
        .sum::<usize>();
        for worker in workers.iter() {
            let points = client
                .get(format!("{}/v1/me/points", served.base))
                .bearer_auth(&worker.token);
            let position = worker
                .journal
                .lock()
                .unwrap()
                .iter()
                .filter_map(|sent| sent.answer.as_ref()?.1["position"].as_u64())
                .max();
            let points = points.header("at-least-position", position.unwrap_or(0));
            let points: Value = points.send().await.unwrap().json().await.unwrap();
            assert_eq!(
                points["balance"].as_i64(),
                Some(worker.balance()),
                "{points}"
            );
        }
    }
    join_all(
        workers
            .iter()
            .map(|worker| worker.settle(&client, &served.base, true)),
    )
    .await;
    assert!(
        unknown > 0,
        "no kill left anything unknown: the test shows nothing"
    );
    served.stop();
    assert_clean(&data);
}
