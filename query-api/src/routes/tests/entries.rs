//! Streams of entries: told by the bus, not found by looking again and again.

use axum::body::BodyDataStream;
use chrono::TimeDelta;
use domain::{
    Aggregate as _,
    drop::{CloseReason, DrawMode, DrawResult, Drawn, Entrant, Event, FairDrop, Lot},
    ids::{CustomerId, DropEntryId, OrganizerId},
};
use edge::auth::Role;
use futures::StreamExt as _;
use serde_json::Value;
use tokio::time::timeout;
use uuid::Uuid;

use crate::testing::{Projections, SOON, World};

/// An organizer.
const ORGANIZER: OrganizerId = OrganizerId(Uuid::from_u128(1));

/// A drop with one entry for each of so many customers.
struct Lottery {
    id: Uuid,
    entrants: Vec<Entrant>,
}

impl Lottery {
    async fn open(world: &World, size: usize) -> Self {
        let id = Uuid::now_v7();
        let entrants: Vec<_> = (0..size).map(|_| entrant()).collect();
        let now = world.now();
        let opened = Event::DropOpened {
            organizer_id: ORGANIZER,
            title: "Signed vinyl".to_owned(),
            stock: 1,
            win_probability: "1".parse().unwrap(),
            price: 0,
            opens_at: now,
            closes_at: now + TimeDelta::hours(1),
            draw: DrawMode::AtClose,
            commitment: "c0".to_owned(),
            beacon: None,
            show_id: None,
        };
        let entered = Event::EntriesRecorded {
            organizer_id: ORGANIZER,
            first: 0,
            entries: entrants.clone(),
        };
        let lottery = Self { id, entrants };
        let position = lottery.append(world, &[opened, entered]).await;
        let path = format!("/v1/drops/{id}");
        assert_eq!(world.get_at(&path, position).await.status, 200);
        lottery
    }

    async fn append(&self, world: &World, events: &[Event]) -> u64 {
        world.append(FairDrop::TYPE, self.id, events).await
    }

    async fn close(&self, world: &World) {
        let entries = u32::try_from(self.entrants.len()).unwrap();
        let closed = Event::DropClosed {
            organizer_id: ORGANIZER,
            reason: CloseReason::Organizer,
            entries,
            closed_at: world.now(),
            beacon_in_hand: false,
        };
        let sealed = Event::EntriesSealed {
            organizer_id: ORGANIZER,
            entries,
            root: "00".repeat(32),
        };
        self.append(world, &[closed, sealed]).await;
    }

    async fn draw(&self, world: &World, number: usize, result: DrawResult) {
        let Entrant {
            entry_id,
            customer_id,
            ..
        } = self.entrants[number];
        let drawn = Drawn {
            index: u32::try_from(number).unwrap(),
            entry_id,
            customer_id,
            lot: Lot(7),
            result,
            place: (result != DrawResult::Lost).then_some(1),
        };
        let event = Event::EntriesDrawn {
            organizer_id: ORGANIZER,
            drawn: vec![drawn],
            stock_left: 0,
        };
        self.append(world, &[event]).await;
    }

    async fn follow(&self, world: &World, number: usize) -> Client {
        let Entrant {
            entry_id,
            customer_id,
            ..
        } = self.entrants[number];
        let path = format!("/v1/drops/{}/entries/{entry_id}/stream", self.id);
        let token = world.token(Role::Customer, customer_id.0);
        let response = world.open(&path, &[("authorization", &token)]).await;
        assert_eq!(response.status(), 200);
        Client {
            body: response.into_body().into_data_stream(),
            text: String::new(),
        }
    }
}

fn entrant() -> Entrant {
    Entrant {
        entry_id: DropEntryId(Uuid::now_v7()),
        customer_id: CustomerId(Uuid::now_v7()),
        command_id: Uuid::now_v7(),
    }
}

struct Client {
    body: BodyDataStream,
    text: String,
}

impl Client {
    /// How the entry stands by the next event; `None` at the stream's end. A stream that looks at each heartbeat alone is too late.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let data = block.lines().find_map(|line| line.strip_prefix("data: "));
                let data = data.map(|data| serde_json::from_str(data).unwrap());
                self.text = rest.to_owned();
                if data.is_some() {
                    return data;
                }
                continue;
            }
            let chunk = timeout(SOON, self.body.next()).await;
            let chunk = chunk.expect("no event came")?.unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    #[track_caller]
    fn shows(event: Option<Value>, status: &str, is_final: bool) {
        let event = event.expect("an event");
        assert_eq!(
            (&event["status"], &event["final"]),
            (&status.into(), &is_final.into())
        );
    }
}

async fn what_is_drawn_is_told_at_once(projections: Projections) {
    let world = World::start(projections).await;
    let lottery = Lottery::open(&world, 2).await;
    let mut first = lottery.follow(&world, 0).await;
    let mut second = lottery.follow(&world, 1).await;
    Client::shows(first.next().await, "entered", false);
    Client::shows(second.next().await, "entered", false);
    lottery.close(&world).await;
    lottery.draw(&world, 0, DrawResult::Lost).await;
    Client::shows(first.next().await, "lost", true);
    assert_eq!(first.next().await, None);
    lottery.draw(&world, 1, DrawResult::Standby).await;
    Client::shows(second.next().await, "standby", false);
    // The end of the drop is the end of whoever was next.
    let revealed = Event::SecretRevealed {
        organizer_id: ORGANIZER,
        secret: "07".repeat(32),
    };
    lottery.append(&world, &[revealed]).await;
    Client::shows(second.next().await, "lost", true);
    assert_eq!(second.next().await, None);
}

#[tokio::test]
async fn what_is_drawn_is_told_at_once_by_projections_here() {
    what_is_drawn_is_told_at_once(Projections::Here).await;
}

#[tokio::test]
async fn what_is_drawn_is_told_at_once_by_projections_elsewhere() {
    what_is_drawn_is_told_at_once(Projections::Elsewhere).await;
}
