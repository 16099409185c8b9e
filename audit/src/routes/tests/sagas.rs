//! Operators see how far payments are.

use chrono::TimeDelta;
use edge::auth::Role;
use event_store::Clock as _;
use read_model::{
    Rows, Write,
    tables::{Saga, SagaState},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Behind;

fn show(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

/// Sagas of the first show in each state, each a second younger than the one before; one of the second show that has run for an hour.
async fn world() -> Behind {
    let behind = Behind::new().await;
    let now = behind.clock.now();
    let saga = |n: u128, of: Uuid, state, age| Saga {
        payment_id: Uuid::from_u128(n).into(),
        reservation_id: Uuid::from_u128(n).into(),
        show_id: of.into(),
        customer_id: Uuid::from_u128(9).into(),
        state,
        refund_requested: state == SagaState::Refunding,
        since: now - age,
        updated: now - age,
        position: 1,
    };
    let mut rows = Rows::default();
    for (n, state) in (1_u8..).zip(SagaState::ALL) {
        let age = TimeDelta::seconds(60 - i64::from(n));
        let row = saga(n.into(), show(1), state, age);
        rows.sagas.insert(row.payment_id, row);
    }
    let row = saga(8, show(2), SagaState::Running, TimeDelta::hours(1));
    rows.sagas.insert(row.payment_id, row);
    let write = Write {
        rows,
        ..Write::default()
    };
    behind.model.write(&write).await.unwrap();
    behind
}

async fn ask(behind: &Behind, query: &str) -> Value {
    let path = format!("/v1/ops/sagas{query}");
    let (status, body) = behind.get(Role::Admin, &path).await;
    assert_eq!(status, 200, "{body:#}");
    body
}

fn payments(body: &Value) -> Vec<u128> {
    let items = body["items"].as_array().unwrap().iter();
    let id = |item: &Value| {
        item["payment_id"]
            .as_str()
            .unwrap()
            .parse::<Uuid>()
            .unwrap()
    };
    items.map(|item| id(item).as_u128()).collect()
}

#[tokio::test]
async fn an_admin_sees_how_many_there_are_and_which_are_stuck() {
    let behind = world().await;
    let body = ask(&behind, "").await;
    assert_eq!(
        body["counts"],
        json!({
            "running": 2, "completed": 1, "compensating": 1, "failed": 1, "refunding": 1, "refunded": 1, "stuck": 1
        })
    );
    assert_eq!(body["position"], 1, "as far as the projection is");
    let running = &body["items"][0];
    assert_eq!(
        (&running["state"], &running["age_ms"], &running["stuck"]),
        (&json!("running"), &json!(59_000), &json!(false))
    );
    let stuck = ask(&behind, "?state=stuck").await;
    assert_eq!(payments(&stuck), [8]);
    assert_eq!(
        (&stuck["items"][0]["age_ms"], &stuck["items"][0]["stuck"]),
        (&json!(3_600_000), &json!(true))
    );
    assert_eq!(stuck["counts"], body["counts"], "counts are of all states");
    behind.clock.advance(TimeDelta::seconds(1));
    assert_eq!(payments(&ask(&behind, "?state=stuck").await), [1, 8]);
    behind.clock.advance(TimeDelta::hours(1));
    let late = ask(&behind, "?state=stuck").await;
    assert_eq!(
        payments(&late),
        [1, 3, 5, 8],
        "what has ended is never stuck"
    );
}

#[tokio::test]
async fn sagas_are_listed_by_state_and_show_and_page() {
    let behind = world().await;
    for (n, state) in (1..).zip(SagaState::ALL) {
        let query = format!("?state={}&show_id={}", state.as_str(), show(1));
        assert_eq!(payments(&ask(&behind, &query).await), [n]);
    }
    assert_eq!(payments(&ask(&behind, "?state=running").await), [1, 8]);
    let of_show = ask(&behind, &format!("?show_id={}", show(2))).await;
    assert_eq!(payments(&of_show), [8]);
    assert_eq!(
        (&of_show["counts"]["running"], &of_show["counts"]["failed"]),
        (&json!(1), &json!(0))
    );
    let first = ask(&behind, "?limit=4").await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = ask(&behind, &format!("?limit=4&cursor={cursor}")).await;
    assert_eq!(
        (payments(&first), payments(&rest)),
        (vec![1, 2, 3, 4], vec![5, 6, 8])
    );
    assert_eq!(rest["next_cursor"], json!(null));
}

#[tokio::test]
async fn what_is_asked_wrong_is_refused() {
    let behind = world().await;
    for (query, code) in [
        ("?limit=0", "invalid_parameter"),
        ("?limit=101", "invalid_parameter"),
        ("?state=lost", "invalid_parameter"),
        ("?show_id=1", "invalid_parameter"),
        ("?cursor=nonsense", "invalid_cursor"),
        ("?colour=red", "unknown_parameter"),
    ] {
        let path = format!("/v1/ops/sagas{query}");
        let (status, body) = behind.get(Role::Admin, &path).await;
        assert_eq!(
            (status.as_u16(), &body["code"]),
            (400, &json!(code)),
            "{query}"
        );
    }
}
