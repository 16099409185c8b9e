//! A show on sale, and those who want its seats.

use std::path::PathBuf;

use chrono::TimeDelta;
use edge::auth::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Call, TestApp};

/// A show that is on sale, and who may run it.
pub(crate) struct Sale {
    pub(crate) organizer: String,
    pub(crate) venue: String,
    pub(crate) concert: String,
    pub(crate) show: String,
    pub(crate) position: Value,
}

/// A plan with one zone `A` of rows `1..`, category `Stalls`, seats `A-<row>-<number>`.
pub(crate) fn plan(rows: u32, seats: u32) -> Value {
    let row = |row: u32| {
        let seat = |n: u32| {
            json!({"seat_guid": format!("A-{row}-{n}"), "seat_number": n.to_string(),
            "position": {"x": n * 10, "y": 0}, "category": "Stalls"})
        };
        json!({"row_number": row.to_string(), "position": {"x": 0, "y": row * 10},
            "seats": (1..=seats).map(seat).collect::<Vec<_>>()})
    };
    json!({"name": "Test hall", "size": {"width": seats * 10, "height": rows * 10},
        "categories": [{"name": "Stalls", "color": "#000"}],
        "zones": [{"name": "A", "zone_id": "A", "position": {"x": 0, "y": 0}, "rows": (1..=rows).map(row).collect::<Vec<_>>()}]})
}

/// A seating plan of the repository.
pub(crate) fn venue_file(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/venues")
        .join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Settings of a show that opened a minute ago, 10 points a place.
pub(crate) fn show_settings(app: &TestApp) -> Value {
    json!({"starts_at": app.now() + TimeDelta::days(30), "on_sale_at": app.now() - TimeDelta::seconds(60),
        "prices": {"Stalls": 10, "Floor": 5}})
}

impl Sale {
    /// Ten rows of ten seats and fifty standing places, on sale.
    pub(crate) async fn open(app: &TestApp) -> Self {
        Self::open_with(app, |_| {}).await
    }

    pub(crate) async fn open_with(app: &TestApp, change: impl FnOnce(&mut Value)) -> Self {
        Self::open_in(app, &plan(10, 10), change).await
    }

    pub(crate) async fn open_in(
        app: &TestApp,
        plan: &Value,
        change: impl FnOnce(&mut Value),
    ) -> Self {
        let organizer = app.token(Role::Organizer, Uuid::now_v7());
        let standing = json!([{"name": "Pit", "category": "Floor", "capacity": 50}]);
        let venue = json!({"name": "Test hall", "seating_plan": plan, "standing": standing});
        let venue = app
            .post("/v1/venues", &organizer, &venue)
            .send()
            .await
            .expect(201);
        let concert = json!({"title": "A night", "artist": "The Band"});
        let concert = app
            .post("/v1/concerts", &organizer, &concert)
            .send()
            .await
            .expect(201);
        let mut settings = show_settings(app);
        settings["concert_id"] = concert["concert_id"].clone();
        settings["venue_id"] = venue["venue_id"].clone();
        change(&mut settings);
        let show = app
            .post("/v1/shows", &organizer, &settings)
            .send()
            .await
            .expect(201);
        let id = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            organizer,
            venue: id(&venue["venue_id"]),
            concert: id(&concert["concert_id"]),
            show: id(&show["show_id"]),
            position: show["position"].clone(),
        }
    }

    pub(crate) fn seats(&self, seats: &[&str]) -> Value {
        json!({"show_id": self.show, "seats": seats})
    }

    pub(crate) fn best(&self, quantity: u32) -> Value {
        json!({"show_id": self.show, "best_available": {"category": "Stalls", "quantity": quantity, "adjacent": true}})
    }

    pub(crate) fn standing(&self, quantity: u32) -> Value {
        json!({"show_id": self.show, "standing": {"category": "Floor", "quantity": quantity}})
    }

    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/v1/shows/{}{rest}", self.show)
    }

    /// Holds, or fails the test.
    pub(crate) async fn hold(&self, app: &TestApp, fan: &Fan, seats: &[&str]) -> Value {
        app.post("/v1/reservations", &fan.token, &self.seats(seats))
            .send()
            .await
            .expect(201)
    }

    /// Holds and pays, or fails the test.
    pub(crate) async fn buy(&self, app: &TestApp, fan: &Fan, seats: &[&str]) -> (Value, Value) {
        let held = self.hold(app, fan, seats).await;
        let paid = fan
            .pay(app, &held["reservation_id"])
            .send()
            .await
            .expect(201);
        (held, paid)
    }
}

/// A customer with a token.
pub(crate) struct Fan {
    pub(crate) id: Uuid,
    pub(crate) token: String,
}

impl Fan {
    pub(crate) fn new(app: &TestApp) -> Self {
        let id = Uuid::now_v7();
        Self {
            id,
            token: app.token(Role::Customer, id),
        }
    }

    pub(crate) async fn with_points(app: &TestApp, amount: i64) -> Self {
        let fan = Self::new(app);
        fan.charge(app, amount).await;
        fan
    }

    pub(crate) async fn charge(&self, app: &TestApp, amount: i64) -> Value {
        app.post(
            "/v1/points/charges",
            &self.token,
            &json!({"amount": amount}),
        )
        .send()
        .await
        .expect(201)
    }

    pub(crate) fn pay<'a>(&self, app: &'a TestApp, reservation: &Value) -> Call<'a> {
        app.post(
            "/v1/payments",
            &self.token,
            &json!({"reservation_id": reservation, "method": "points"}),
        )
    }

    /// Pays to the end: where the answer is that the payment still runs, by asking how it stands.
    pub(crate) async fn pay_to_the_end(&self, app: &TestApp, reservation: &Value) {
        let reply = self.pay(app, reservation).send().await;
        if reply.status == 202 {
            let payment = reply.body["payment_id"].as_str().unwrap();
            let path = format!("/v1/payments/{payment}");
            app.until(&path, &self.token, |body| body["status"] == "completed")
                .await;
        } else {
            reply.expect(201);
        }
    }

    pub(crate) async fn balance(&self, app: &TestApp, position: &Value) -> i64 {
        app.get_at("/v1/me/points", &self.token, position)
            .await
            .expect(200)["balance"]
            .as_i64()
            .unwrap()
    }
}
