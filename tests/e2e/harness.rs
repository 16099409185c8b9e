//! The all-in-one in this process, on a free port, with embedded adapters and a clock that the test moves.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use edge::auth::Role;
use event_store::clock::{Clock, ManualClock};
use frontrow::app::{App, AppConfig};
use reqwest::{Client, Method, header::HeaderMap};
use serde_json::{Value, json};
use uuid::Uuid;

/// How long a condition may take to come true before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running all-in-one.
pub(crate) struct TestApp {
    app: App,
    pub(crate) base: String,
    pub(crate) client: Client,
    pub(crate) clock: Arc<ManualClock>,
    data: DataFolder,
}

/// A folder that goes with the test.
pub(crate) struct DataFolder(pub(crate) PathBuf);

impl DataFolder {
    pub(crate) fn new() -> Self {
        let path =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("e2e-{}", Uuid::now_v7()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        // A failed test leaves its folder for the one who looks into it.
        if !std::thread::panicking() {
            std::fs::remove_dir_all(&self.0).ok();
        }
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    /// Checks the status, and hands the body over.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "unexpected answer: {}", self.body);
        self.body
    }

    /// Checks a refusal: its status, its code, its media type.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!(
            (self.status, self.body["code"].as_str()),
            (status, Some(code)),
            "unexpected answer: {}",
            self.body
        );
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert!(
            self.body["title"].is_string()
                && self.body["detail"].is_string()
                && self.body["type"].is_string()
        );
        self.body
    }
}

/// One call on its way.
pub(crate) struct Call<'a> {
    request: reqwest::RequestBuilder,
    _app: &'a TestApp,
}

impl Call<'_> {
    pub(crate) fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) async fn send(self) -> Reply {
        let response = self.request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.unwrap();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Reply {
            status,
            headers,
            body,
        }
    }
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::start_on(DataFolder::new(), |_| {}).await
    }

    pub(crate) async fn start_on(data: DataFolder, change: impl FnOnce(&mut AppConfig)) -> Self {
        // The clock starts at the present, because tokens and file times are compared with it.
        let clock = Arc::new(ManualClock::new(
            event_store::SystemClock.now().trunc_subsecs(3),
        ));
        let mut config = AppConfig::for_tests(data.0.clone());
        config.clock = Some(clock.clone());
        change(&mut config);
        let app = App::start(config).await.unwrap();
        let base = format!("http://{}", app.addr());
        let client = Client::builder()
            .pool_max_idle_per_host(512)
            .timeout(Duration::from_mins(1))
            .build()
            .unwrap();
        Self {
            app,
            base,
            client,
            clock,
            data,
        }
    }

    /// Stops, and starts again on the same data.
    pub(crate) async fn restart(self, change: impl FnOnce(&mut AppConfig)) -> Self {
        let Self {
            app, data, clock, ..
        } = self;
        app.shutdown().await.unwrap();
        Self::start_on(data, |config| {
            config.clock = Some(clock.clone());
            change(config);
        })
        .await
        .with_clock(clock)
    }

    fn with_clock(mut self, clock: Arc<ManualClock>) -> Self {
        self.clock = clock;
        self
    }

    pub(crate) fn token(&self, role: Role, id: Uuid) -> String {
        self.app.token(role, id).unwrap()
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    pub(crate) fn call(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> Call<'_> {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        Call {
            request,
            _app: self,
        }
    }

    pub(crate) fn post(&self, path: &str, token: &str, body: &Value) -> Call<'_> {
        self.call(Method::POST, path, token, Some(body))
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Reply {
        self.call(Method::GET, path, token, None).send().await
    }

    /// Reads at or after a position that a command answered.
    pub(crate) async fn get_at(&self, path: &str, token: &str, position: &Value) -> Reply {
        self.call(Method::GET, path, token, None)
            .header("at-least-position", &position.to_string())
            .send()
            .await
    }

    /// Reads until `holds` says yes; fails after a bounded time.
    pub(crate) async fn until(
        &self,
        path: &str,
        token: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let reply = self.get(path, token).await;
            if reply.status == 200 && holds(&reply.body) {
                return reply.body;
            }
            assert!(
                Instant::now() < end,
                "gave up waiting on {path}: {}",
                reply.body
            );
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn data(&self) -> &PathBuf {
        &self.data.0
    }

    /// Stops, and checks the log and the read model from outside.
    pub(crate) async fn finish(self) {
        let Self { app, data, .. } = self;
        app.shutdown().await.unwrap();
        assert_clean(&data);
    }
}

/// Runs `frontrow audit verify`, which must find nothing.
#[track_caller]
pub(crate) fn assert_clean(data: &DataFolder) {
    let report = std::process::Command::new(env!("CARGO_BIN_EXE_frontrow"))
        .args(["audit", "verify", "--data"])
        .arg(&data.0)
        .output()
        .unwrap();
    assert!(
        report.status.success(),
        "audit verify: {}\n{}",
        String::from_utf8_lossy(&report.stdout),
        String::from_utf8_lossy(&report.stderr)
    );
}

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

    pub(crate) async fn balance(&self, app: &TestApp, position: &Value) -> i64 {
        app.get_at("/v1/me/points", &self.token, position)
            .await
            .expect(200)["balance"]
            .as_i64()
            .unwrap()
    }
}
