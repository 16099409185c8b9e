//! What belongs to a customer is shown to that customer alone.

use domain::{
    Aggregate as _,
    ids::PaymentId,
    payment::{self, Payment},
    point_account::{self, PointAccount},
    show::command::Selection,
};
use edge::auth::Role;
use serde_json::json;
use uuid::Uuid;

use crate::testing::{Projections, TestShow, World};

#[tokio::test]
async fn a_reservation_is_its_owners() {
    let world = World::start(Projections::Here).await;
    let (owner, other) = (Uuid::now_v7(), Uuid::now_v7());
    let mut show = TestShow::schedule(&world).await;
    let seats = show.hold(&world, owner, &["A-1", "A-6"]).await;
    let standing = Selection::Standing {
        category: "Floor".to_owned(),
        quantity: 2,
    };
    let standing = show.select(&world, owner, standing).await;
    world.get_at("/v1/concerts", show.position).await;
    let position = show.position.to_string();
    let mine = world.token(Role::Customer, owner);
    let with = |token: &str, path: String| {
        let (token, position) = (token.to_owned(), position.clone());
        let world = &world;
        async move {
            let headers = [
                ("authorization", token.as_str()),
                ("at-least-position", &position),
            ];
            world.get(&path, &headers).await
        }
    };

    let answer = with(&mine, format!("/v1/reservations/{seats}"))
        .await
        .json();
    assert_eq!(
        (&answer["status"], &answer["amount"]),
        (&json!("held"), &json!(100))
    );
    assert_eq!(
        answer["seats"][1],
        json!({"seat_guid": "A-6", "zone": "Hall", "row": "A", "number": "6", "category": "Dear", "price": 90})
    );
    assert_eq!(answer["standing"], json!(null));
    let answer = with(&mine, format!("/v1/reservations/{standing}"))
        .await
        .json();
    assert_eq!(
        answer["standing"],
        json!({"name": "Pit", "category": "Floor", "quantity": 2, "price": 5})
    );

    let list = with(&mine, "/v1/me/reservations".to_owned()).await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    assert_eq!(list["items"][0]["reservation_id"], standing.to_string());

    let theirs = world.token(Role::Customer, other);
    let reply = with(&theirs, format!("/v1/reservations/{seats}")).await;
    assert_eq!(
        (reply.status.as_u16(), &reply.json()["code"]),
        (404, &json!("not_found"))
    );
    let list = with(&theirs, "/v1/me/reservations".to_owned()).await.json();
    assert_eq!(list, json!({"items": [], "next_cursor": null}));
}

#[tokio::test]
async fn only_customers_are_let_in() {
    let world = World::start(Projections::Here).await;
    let organizer = world.token(Role::Organizer, Uuid::now_v7());
    for path in [
        format!("/v1/reservations/{}", Uuid::now_v7()),
        format!("/v1/payments/{}", Uuid::now_v7()),
        "/v1/me/reservations".to_owned(),
        "/v1/me/payments".to_owned(),
        "/v1/me/points".to_owned(),
        "/v1/me/points/transactions".to_owned(),
    ] {
        let reply = world.get(&path, &[]).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.json()["code"]),
            (401, &json!("unauthenticated")),
            "{path}"
        );
        assert!(reply.header("www-authenticate").starts_with("Bearer"));
        let reply = world.get(&path, &[("authorization", &organizer)]).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.json()["code"]),
            (403, &json!("forbidden")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn points_and_what_moved_them() {
    let world = World::start(Projections::Here).await;
    let (owner, charge_id) = (Uuid::now_v7(), Uuid::now_v7());
    let token = world.token(Role::Customer, owner);
    let headers = [("authorization", token.as_str())];
    let before = world.get("/v1/me/points", &headers).await.json();
    assert_eq!(before, json!({"customer_id": owner, "balance": 0}));

    let account = [
        point_account::Event::PointsCharged {
            customer_id: owner.into(),
            charge_id: charge_id.into(),
            amount: 100,
            balance_after: 100,
        },
        point_account::Event::PointsDebited {
            customer_id: owner.into(),
            payment_id: Uuid::now_v7().into(),
            amount: 30,
            balance_after: 70,
        },
    ];
    let position = world
        .append(PointAccount::TYPE, owner, &account)
        .await
        .to_string();
    let headers = [
        ("authorization", token.as_str()),
        ("at-least-position", &position),
    ];
    assert_eq!(
        world.get("/v1/me/points", &headers).await.json()["balance"],
        70
    );
    let moved = world
        .get("/v1/me/points/transactions?limit=1", &headers)
        .await
        .json();
    assert_eq!(moved["items"][0]["kind"], "debit");
    let cursor = moved["next_cursor"].as_str().unwrap();
    let next = format!("/v1/me/points/transactions?cursor={cursor}");
    let moved = world.get(&next, &headers).await.json();
    assert_eq!(moved["items"][0]["charge_id"], charge_id.to_string());
}

#[tokio::test]
async fn a_payment_is_its_owners() {
    let world = World::start(Projections::Here).await;
    let (owner, reservation_id) = (Uuid::now_v7(), Uuid::now_v7());
    let payment_id = PaymentId(Uuid::now_v7());
    let payment = [payment::Event::PaymentRequested {
        reservation_id: reservation_id.into(),
        show_id: Uuid::now_v7().into(),
        customer_id: owner.into(),
        organizer_id: Uuid::now_v7().into(),
        amount: 30,
        method: "points".to_owned(),
        resume_at: world.now(),
    }];
    let position = world
        .append(Payment::TYPE, payment_id.0, &payment)
        .await
        .to_string();
    let token = world.token(Role::Customer, owner);
    let headers = [
        ("authorization", token.as_str()),
        ("at-least-position", &position),
    ];
    let path = format!("/v1/payments/{payment_id}");
    let paid = world.get(&path, &headers).await.json();
    assert_eq!(
        (&paid["status"], &paid["amount"]),
        (&json!("processing"), &json!(30))
    );
    let list = world.get("/v1/me/payments", &headers).await.json();
    assert_eq!(
        list["items"][0]["reservation_id"],
        reservation_id.to_string()
    );
    let theirs = world.token(Role::Customer, Uuid::now_v7());
    let reply = world.get(&path, &[("authorization", &theirs)]).await;
    assert_eq!(reply.status, 404);
}
