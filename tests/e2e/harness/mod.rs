//! A system to send requests to, embedded or distributed.

mod http;
mod sale;
mod system;
mod watcher;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use edge::auth::Role;
use frontrow::app::AppConfig;
use reqwest::{Client, Method};
use serde_json::Value;
use servers::{Cluster, Extra};
use uuid::Uuid;

use self::system::{Distributed, Embedded, System};
pub(crate) use self::{
    http::{Call, Reply},
    sale::{Fan, Sale, plan, show_settings, venue_file},
    system::{DataFolder, assert_clean},
    watcher::Watcher,
};

/// How long a condition may take to come true before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a condition is looked at: many who ask without a pause take the time of those who are to make it true.
const INTERVAL: Duration = Duration::from_millis(25);

/// A running system: all in this process with embedded adapters and a clock that the test moves, or the roles in processes of their own
/// on real servers.
pub(crate) struct TestApp {
    system: System,
    pub(crate) client: Client,
}

/// Makes two tests of each journey: embedded, and distributed on the cluster that all of them share, or `alone` on one of its own.
macro_rules! both_ways {
    (alone: $($journey:ident),+ $(,)?) => { both_ways!(alone; $($journey),+); };
    ($($journey:ident),+ $(,)?) => { both_ways!(distributed; $($journey),+); };
    ($start:ident; $($journey:ident),+) => {
        $(
            mod $journey {
                use crate::harness::TestApp;

                #[tokio::test(flavor = "multi_thread")]
                async fn embedded() {
                    super::$journey(TestApp::start().await).await;
                }

                #[tokio::test(flavor = "multi_thread")]
                async fn distributed() {
                    if let Some(app) = TestApp::$start(module_path!()).await {
                        super::$journey(app).await;
                    }
                }
            }
        )+
    };
}
pub(crate) use both_ways;

impl TestApp {
    /// Everything in this process, on a fresh folder.
    pub(crate) async fn start() -> Self {
        Self::start_on(DataFolder::new(), |_| {}).await
    }

    pub(crate) async fn start_on(data: DataFolder, change: impl FnOnce(&mut AppConfig)) -> Self {
        let embedded = Embedded::start(data, None, change).await;
        Self::on(System::Embedded(Box::new(embedded)))
    }

    /// The cluster that the tests share; `None`, and a note that `test` was skipped, where there is none.
    pub(crate) async fn distributed(test: &str) -> Option<Self> {
        Some(Self::on(System::Distributed(
            Distributed::shared(test).await?,
        )))
    }

    /// A cluster of the test's own; `None`, and a note that `test` was skipped, where there is none.
    pub(crate) async fn alone(test: &str) -> Option<Self> {
        Some(Self::on(System::Distributed(
            Distributed::alone(test, true).await?,
        )))
    }

    /// The same, with more than its processes need.
    pub(crate) async fn alone_with(test: &str, extra: Extra) -> Option<Self> {
        Some(Self::on(System::Distributed(
            Distributed::alone_with(test, extra).await?,
        )))
    }

    /// The same without a proxy: the commands on one show go to each command API in turn.
    pub(crate) async fn scattered(test: &str) -> Option<Self> {
        Some(Self::on(System::Distributed(
            Distributed::alone(test, false).await?,
        )))
    }

    fn on(system: System) -> Self {
        let client = Client::builder()
            // A server ends a connection that was idle for 5 s: one that is about to be ended takes no call.
            .pool_idle_timeout(Duration::from_secs(2))
            .pool_max_idle_per_host(512)
            .timeout(Duration::from_mins(1))
            .build();
        Self {
            system,
            client: client.unwrap(),
        }
    }

    /// Stops everything, and starts it again on the same data.
    pub(crate) async fn restart(self) -> Self {
        self.restart_after(|_| {}).await
    }

    /// The same; an embedded system is changed in between.
    pub(crate) async fn restart_after(self, change: impl FnOnce(&mut AppConfig)) -> Self {
        Self::on(match self.system {
            System::Embedded(embedded) => {
                System::Embedded(Box::new(embedded.restart(change).await))
            }
            System::Distributed(distributed) => System::Distributed(distributed.restart().await),
        })
    }

    pub(crate) fn token(&self, role: Role, id: Uuid) -> String {
        self.system.token(role, id)
    }

    /// The file with the key that signs tokens.
    pub(crate) fn key(&self) -> PathBuf {
        self.system.key()
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.system.now()
    }

    /// Moves the clock of an embedded system.
    pub(crate) fn advance(&self, seconds: i64) {
        self.system.advance(seconds);
    }

    /// Where a call goes.
    pub(crate) fn url(&self, method: &Method, path: &str) -> String {
        format!("{}{path}", self.system.base(method, path))
    }

    pub(crate) fn call(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> Call<'_> {
        let url = self.url(&method, path);
        self.call_at(method, url, path, token, body)
    }

    fn call_at(
        &self,
        method: Method,
        url: String,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> Call<'_> {
        let mut request = self.client.request(method, url);
        // By this a proxy sends all commands on one show to one command API.
        let show = path
            .strip_prefix("/v1/shows/")
            .and_then(|rest| rest.split('/').next());
        let show = show.or_else(|| body?["show_id"].as_str());
        if let Some(show) = show {
            request = request.header("show-id", show);
        }
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

    /// Reads at or after a position that a command answered. In processes of their own, on a busy machine, projections may need longer
    /// than the server waits: then it is asked again, as its `Retry-After` says, for a bounded time.
    pub(crate) async fn get_at(&self, path: &str, token: &str, position: &Value) -> Reply {
        let end = Instant::now() + PATIENCE;
        loop {
            let call = self.call(Method::GET, path, token, None);
            let call = call.header("at-least-position", &position.to_string());
            let reply = call.send().await;
            let waits = matches!(self.system, System::Distributed(_))
                && reply.body["code"] == "not_caught_up";
            if !waits || Instant::now() > end {
                return reply;
            }
        }
    }

    /// Reads until `holds` says yes, whoever is asked: each may have its own copy of the read model, and what is read next comes from any
    /// of them. Fails after a bounded time. The last answer.
    pub(crate) async fn until(
        &self,
        path: &str,
        token: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> Value {
        let end = Instant::now() + PATIENCE;
        let mut last = Value::Null;
        for base in self.system.bases(&Method::GET, path) {
            loop {
                let url = format!("{base}{path}");
                let call = self.call_at(Method::GET, url, path, token, None);
                let reply = call.send().await;
                let holds = reply.status == 200 && holds(&reply.body);
                last = reply.body;
                if holds {
                    break;
                }
                assert!(
                    Instant::now() < end,
                    "gave up waiting on {path} at {base}: {last}"
                );
                tokio::time::sleep(INTERVAL).await;
            }
        }
        last
    }

    /// The processes of a distributed system.
    pub(crate) fn cluster(&self) -> Arc<Cluster> {
        self.system.cluster()
    }

    pub(crate) fn data(&self) -> &PathBuf {
        self.system.data()
    }

    /// Stops, and leaves the folder as it is.
    pub(crate) async fn stop(self) -> DataFolder {
        match self.system {
            System::Embedded(embedded) => embedded.stop().await,
            System::Distributed(_) => panic!("nothing is in a folder"),
        }
    }

    /// Stops what is the test's own, and checks log, read model and bus from outside.
    pub(crate) async fn finish(self) {
        match self.system {
            System::Embedded(embedded) => embedded.finish().await,
            System::Distributed(distributed) => distributed.check().await,
        }
    }
}
