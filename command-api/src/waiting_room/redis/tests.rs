//! Against a real server.

use std::time::Duration;

use chrono::TimeDelta;
use servers::Redis;

use super::*;
use crate::waiting_room::{State, conformance};

#[tokio::test]
async fn keeps_what_every_waiting_room_promises() {
    let test = "the waiting room on Redis";
    let Some(url) = servers::redis(test) else {
        return;
    };
    let room = RedisWaitingRoom::new(&url).unwrap();
    conformance::all(&room).await.unwrap();
}

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn opening(first: u64, recovers_until: Option<DateTime<Utc>>) -> Opening {
    Opening {
        first,
        last: first + 999,
        opens_at: now(),
        lobby_open: false,
        recovers_until,
        active: Vec::new(),
    }
}

async fn until_it_answers(room: &RedisWaitingRoom) {
    let answers = async {
        while room.ping().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), answers)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_server_that_was_killed_is_unavailable_and_comes_back_as_another() {
    for keeps_data in [false, true] {
        let test = "a killed Redis";
        let Some(server) = Redis::start(test, keeps_data).await else {
            return;
        };
        let room = RedisWaitingRoom::new(&server.url()).unwrap();
        let show = ShowId(Uuid::now_v7());
        let (customer, entry) = (Uuid::now_v7().into(), EntryId(Uuid::now_v7()));
        room.open(show, &opening(1, None)).await.unwrap();
        room.enter(show, customer, entry, now()).await.unwrap();
        server.kill();
        let gone = room.look(show, customer, now()).await;
        assert!(matches!(gone, Err(Error::Unavailable(_))), "{gone:?}");
        let still = room.enter(show, customer, entry, now()).await;
        assert!(matches!(still, Err(Error::Unavailable(_))), "{still:?}");
        server.start_again().await;
        until_it_answers(&room).await;
        // With its data or without, it is another life: its last second may be missing.
        let unknown = room.look(show, customer, now()).await;
        assert_eq!(unknown, Err(Error::NotOpen));
        let recovers_until = now() + TimeDelta::seconds(60);
        room.open(show, &opening(1_001, Some(recovers_until)))
            .await
            .unwrap();
        let kept = room.look(show, customer, now()).await.unwrap();
        let expected = keeps_data.then_some(State::Waiting { ahead: 0 });
        assert_eq!(kept.map(|standing| standing.state), expected);
        let other = room.enter(show, Uuid::now_v7().into(), entry, now()).await;
        let Ok(Entered::New(standing)) = other else {
            panic!("{other:?}");
        };
        assert_eq!(standing.entrant.number, 1_001, "the next block");
        assert!(standing.recovers);
    }
}
