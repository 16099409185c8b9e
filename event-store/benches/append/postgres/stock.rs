//! What the log is measured against: a stock `CqrsFramework` on postgres-es.

use std::time::{Duration, Instant};

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use postgres_es::postgres_cqrs;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPoolOptions;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// Connections: more do not make it faster on this server.
const POOL: u32 = 32;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Payment {
    held: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Event {
    SeatsHeld {
        reservation: Uuid,
        seats: [Seat; 2],
        expires_at: String,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Seat {
    zone: String,
    row: String,
    #[serde(rename = "seat")]
    number: String,
    category: String,
    points: u64,
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        "SeatsHeld".to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("refused")]
struct Refused;

impl Aggregate for Payment {
    const TYPE: &'static str = "payment";
    type Command = Uuid;
    type Event = Event;
    type Error = Refused;
    type Services = ();

    async fn handle(
        &mut self,
        reservation: Uuid,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refused> {
        let seat = || Seat {
            zone: "block-12".to_owned(),
            row: "27".to_owned(),
            number: "14".to_owned(),
            category: "standard".to_owned(),
            points: 4_200,
        };
        let held = Event::SeatsHeld {
            reservation,
            seats: [seat(), seat()],
            expires_at: "2026-11-21T20:00:00.000000Z".to_owned(),
        };
        sink.write(held, self).await;
        Ok(())
    }

    fn apply(&mut self, event: Event) {
        let Event::SeatsHeld { seats, .. } = event;
        self.held += seats.len() as u64;
    }
}

/// Lets `callers` execute commands, each on a fresh aggregate, for `span`; how many were executed per second.
pub(crate) async fn commands_per_second(url: &str, callers: usize, span: Duration) -> f64 {
    let pool = PgPoolOptions::new()
        .min_connections(POOL)
        .max_connections(POOL);
    let pool = pool.connect(url).await.unwrap();
    sqlx::raw_sql(include_str!("stock.sql"))
        .execute(&pool)
        .await
        .unwrap();
    let framework = std::sync::Arc::new(postgres_cqrs::<Payment>(pool.clone(), Vec::new(), ()));
    let tasks = TaskTracker::new();
    let begun = Instant::now();
    let counts: Vec<_> = (0..callers)
        .map(|_| {
            let framework = framework.clone();
            tasks.spawn(async move {
                let mut count = 0_u32;
                while begun.elapsed() < span {
                    let id = Uuid::now_v7();
                    framework.execute(&id.to_string(), id).await.unwrap();
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut total = 0;
    for count in counts {
        total += count.await.unwrap();
    }
    let rate = f64::from(total) / begun.elapsed().as_secs_f64();
    pool.close().await;
    rate
}
