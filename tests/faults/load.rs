//! Customers who charge, hold and pay, at a steady pace, whatever happens to the servers.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use edge::auth::{Principal, Role, Signer};
use event_store::{Clock, SystemClock};
use futures::future::join_all;
use reqwest::Client;
use serde_json::{Value, json};
use servers::Cluster;
use uuid::Uuid;

use crate::{
    journal::{Answer, Sent, TIMEOUT, send, settle},
    round::PREMATURE,
};

/// Customers at a time.
const CUSTOMERS: usize = 16;
/// A customer's time from one command to the next: all together send some 150 a second, unless the servers are slower.
const PACE: Duration = Duration::from_millis(100);
/// Rows of the hall, and seats of a row: more than any round sells.
const HALL: (u32, u32) = (50, 60);

/// How long projections may take to show what was acknowledged.
const CAUGHT_UP: Duration = Duration::from_mins(1);

/// The customers of one round, and the show that they want.
pub(crate) struct Load<'a> {
    pub(crate) cluster: &'a Cluster,
    client: Client,
    show: String,
    customers: Vec<Customer>,
    over: AtomicBool,
}

struct Customer {
    token: String,
    journal: Mutex<Vec<Sent>>,
}

/// What became of all commands.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Settled {
    pub(crate) unknown: usize,
    pub(crate) lost: usize,
    /// Customers who have another balance than the answers say: something was lost, or something refused took effect.
    pub(crate) unbalanced: usize,
}

impl<'a> Load<'a> {
    pub(crate) async fn on(cluster: &'a Cluster) -> Self {
        let client = Client::builder().timeout(TIMEOUT).build().unwrap();
        let signer = Signer::read(&cluster.key()).unwrap();
        let token = |role| {
            let id = Uuid::now_v7();
            signer.issue(
                Principal { id, role },
                SystemClock.now(),
                Duration::from_hours(2),
            )
        };
        let customers = (0..CUSTOMERS)
            .map(|_| Customer {
                token: token(Role::Customer),
                journal: Mutex::default(),
            })
            .collect();
        let show = open_show(&client, cluster, &token(Role::Organizer)).await;
        Self {
            cluster,
            client,
            show,
            customers,
            over: AtomicBool::new(false),
        }
    }

    /// Sends until [`Self::end`].
    pub(crate) async fn run(&self) {
        join_all(self.customers.iter().map(|customer| self.buy(customer))).await;
    }

    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    async fn buy(&self, customer: &Customer) {
        let mut tick = tokio::time::interval(PACE);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let command = async |path, body| {
            let sent = Sent {
                path,
                key: Uuid::now_v7().to_string(),
                body,
                at: Instant::now(),
                answered: Instant::now(),
                answer: Answer::Unknown,
            };
            let base = self.cluster.command_url();
            let answer = send(&self.client, &base, &customer.token, &sent).await;
            let done = match &answer {
                Answer::Acknowledged(_, body) => Some(body.clone()),
                Answer::Refused(..) | Answer::NotServed | Answer::Unknown => None,
            };
            customer.journal.lock().unwrap().push(Sent {
                answer,
                answered: Instant::now(),
                ..sent
            });
            done
        };
        while !self.over.load(Ordering::SeqCst) {
            tick.tick().await;
            if command("/v1/points/charges", json!({"amount": 10}))
                .await
                .is_none()
            {
                continue;
            }
            tick.tick().await;
            let best = json!({"category": "Stalls", "quantity": 1, "adjacent": true});
            let wish = json!({"show_id": self.show, "best_available": best});
            let Some(held) = command("/v1/reservations", wish).await else {
                continue;
            };
            tick.tick().await;
            let pay = json!({"reservation_id": held["reservation_id"], "method": "points"});
            command("/v1/payments", pay).await;
        }
    }

    /// How many commands of these the predicate takes.
    pub(crate) fn count(&self, takes: impl Fn(&Sent) -> bool) -> usize {
        let count = |customer: &Customer| {
            let journal = customer.journal.lock().unwrap();
            journal.iter().filter(|sent| takes(sent)).count()
        };
        self.customers.iter().map(count).sum()
    }

    /// When the first acknowledgement came of a command that was sent after `fault`.
    pub(crate) fn first_after(&self, fault: Instant) -> Option<Instant> {
        let first = |customer: &Customer| {
            let journal = customer.journal.lock().unwrap();
            let after = journal
                .iter()
                .filter(|sent| sent.at >= fault && sent.is_acknowledged());
            after.map(|sent| sent.answered).min()
        };
        self.customers.iter().filter_map(first).min()
    }

    /// Repeats every command that was acknowledged or is unknown, with its key, and compares the balance of each customer with what the
    /// answers say.
    pub(crate) async fn settle(&self) -> Settled {
        let settled = self
            .customers
            .iter()
            .map(|customer| self.settle_one(customer));
        let all = join_all(settled).await;
        all.into_iter()
            .fold(Settled::default(), |sum, one| Settled {
                unknown: sum.unknown + one.unknown,
                lost: sum.lost + one.lost,
                unbalanced: sum.unbalanced + one.unbalanced,
            })
    }

    async fn settle_one(&self, customer: &Customer) -> Settled {
        let mut result = Settled::default();
        let (mut balance, mut position) = (0, 0);
        let journal = customer.journal.lock().unwrap().clone();
        for sent in journal {
            let base = self.cluster.command_url();
            let again = match &sent.answer {
                Answer::Refused(..) | Answer::NotServed => continue,
                Answer::Acknowledged(..) | Answer::Unknown => {
                    settle(&self.client, &base, &customer.token, &sent).await
                }
            };
            if sent.answer == Answer::Unknown {
                result.unknown += 1;
            } else if sent.answer != again {
                result.lost += 1;
                eprintln!(
                    "{} {}: {:?}, then {again:?}",
                    sent.path, sent.key, sent.answer
                );
            }
            if let Answer::Acknowledged(_, body) = &again {
                position = position.max(body["position"].as_u64().unwrap());
                balance += match sent.path {
                    "/v1/points/charges" => 10,
                    "/v1/payments" => -body["amount"].as_i64().unwrap(),
                    _ => 0,
                };
            }
        }
        result.unbalanced = usize::from(self.balance(customer, position).await != balance);
        result
    }

    async fn balance(&self, customer: &Customer, position: u64) -> i64 {
        let end = Instant::now() + CAUGHT_UP;
        // Projections that lost a worker need the group's time to notice: the server says when to ask again.
        let points = loop {
            let call = self
                .client
                .get(format!("{}/v1/me/points", self.cluster.query_url()))
                .bearer_auth(&customer.token)
                .header("at-least-position", position);
            let points: Value = call.send().await.unwrap().json().await.unwrap();
            if points["code"] != "not_caught_up" || Instant::now() > end {
                break points;
            }
        };
        points["balance"].as_i64().unwrap_or_else(|| {
            let members = ["relay-1", "relay-2", "projections-1", "projections-2"];
            let tails = members.map(|member| self.cluster.tail(member)).join("\n");
            panic!("no balance: {points}\n{tails}")
        })
    }
}

impl Sent {
    pub(crate) fn is_acknowledged(&self) -> bool {
        matches!(self.answer, Answer::Acknowledged(..))
    }
}

async fn open_show(client: &Client, cluster: &Cluster, organizer: &str) -> String {
    let post = async |path: &str, body: Value| {
        let call = client
            .post(format!("{}{path}", cluster.command_url()))
            .bearer_auth(organizer)
            .json(&body);
        loop {
            let reply = call.try_clone().unwrap().send().await.unwrap();
            let status = reply.status();
            let body: Value = reply.json().await.unwrap();
            // The other command API can't see what is answered and not committed.
            if PREMATURE && status == 404 {
                continue;
            }
            assert_eq!(status, 201, "{path}: {body}");
            return body;
        }
    };
    let venue = json!({"name": "Field", "seating_plan": hall()});
    let venue = post("/v1/venues", venue).await;
    let concert = json!({"title": "Storm", "artist": "The Band"});
    let concert = post("/v1/concerts", concert).await;
    let now = SystemClock.now();
    let show = json!({"concert_id": concert["concert_id"], "venue_id": venue["venue_id"], "starts_at": now + TimeDelta::days(9),
        "on_sale_at": now - TimeDelta::seconds(5), "prices": {"Stalls": 10}, "hold_seconds": 3_600,
        "max_seats_per_customer": 100});
    let show = post("/v1/shows", show).await;
    show["show_id"].as_str().unwrap().to_owned()
}

/// One zone, one category.
fn hall() -> Value {
    let (rows, seats) = HALL;
    let row = |row: u32| {
        let seat = |n: u32| {
            json!({"seat_guid": format!("A-{row}-{n}"), "seat_number": n.to_string(),
                "position": {"x": n * 10, "y": 0}, "category": "Stalls"})
        };
        json!({"row_number": row.to_string(), "position": {"x": 0, "y": row * 10},
            "seats": (1..=seats).map(seat).collect::<Vec<_>>()})
    };
    json!({"name": "Field", "size": {"width": seats * 10, "height": rows * 10},
        "categories": [{"name": "Stalls", "color": "#000"}],
        "zones": [{"name": "A", "zone_id": "A", "position": {"x": 0, "y": 0}, "rows": (1..=rows).map(row).collect::<Vec<_>>()}]})
}
