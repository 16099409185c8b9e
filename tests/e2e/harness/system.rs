//! What answers the requests.

use std::{panic::AssertUnwindSafe, path::PathBuf, process::Command, sync::Arc, time::Duration};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use edge::auth::{Principal, Role, SIGNING_KEY_FILE, Signer};
use event_store::{
    SystemClock,
    clock::{Clock, ManualClock},
};
use frontrow::app::{App, AppConfig};
use futures::FutureExt;
use reqwest::Method;
use servers::{Cluster, Extra, Layout};
use tokio::sync::OnceCell;
use uuid::Uuid;

/// The cluster that the tests share: two command APIs behind haproxy, process managers, relays, projection workers and query APIs by two.
/// It is started once, and ends with the process.
static SHARED: OnceCell<Shared> = OnceCell::const_new();

/// What became of it: it runs, a server is missing, or it did not come up, and then no test tries again.
type Shared = Result<Option<Arc<Cluster>>, &'static str>;

/// Embedded or distributed.
pub(super) enum System {
    Embedded(Box<Embedded>),
    Distributed(Distributed),
}

/// The all-in-one in this process, on a free port, with embedded adapters.
pub(super) struct Embedded {
    app: App,
    clock: Arc<ManualClock>,
    data: DataFolder,
}

/// The roles in processes of their own.
pub(super) struct Distributed {
    cluster: Arc<Cluster>,
    signer: Signer,
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

/// Whether a call of a cluster is answered from the read model.
fn is_query(method: &Method, path: &str) -> bool {
    let elsewhere = ["/v1/audit/", "/v1/waiting-room/", "/v1/me/notifications"];
    *method == Method::GET && !elsewhere.iter().any(|prefix| path.starts_with(prefix))
}

impl System {
    pub(super) fn token(&self, role: Role, id: Uuid) -> String {
        match self {
            Self::Embedded(embedded) => embedded.app.token(role, id).unwrap(),
            Self::Distributed(distributed) => distributed.token(role, id),
        }
    }

    pub(super) fn key(&self) -> PathBuf {
        match self {
            Self::Embedded(embedded) => embedded.data.0.join(SIGNING_KEY_FILE),
            Self::Distributed(distributed) => distributed.cluster.key(),
        }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        match self {
            Self::Embedded(embedded) => embedded.clock.now(),
            Self::Distributed(_) => SystemClock.now(),
        }
    }

    #[track_caller]
    pub(super) fn advance(&self, seconds: i64) {
        match self {
            Self::Embedded(embedded) => embedded.clock.advance(TimeDelta::seconds(seconds)),
            Self::Distributed(_) => panic!("nobody moves the clock of several processes"),
        }
    }

    /// Who takes a call: reads go to query APIs, everything else to command APIs; so do those that ask for their turn.
    pub(super) fn base(&self, method: &Method, path: &str) -> String {
        match self {
            Self::Embedded(embedded) => embedded.app.url(),
            Self::Distributed(Distributed { cluster, .. }) if path.starts_with("/v1/audit/") => {
                cluster.url_of("audit")
            }
            Self::Distributed(Distributed { cluster, .. }) if is_query(method, path) => {
                cluster.query_url()
            }
            Self::Distributed(Distributed { cluster, .. }) => cluster.command_url(),
        }
    }

    /// Everybody who may answer a call next.
    pub(super) fn bases(&self, method: &Method, path: &str) -> Vec<String> {
        match self {
            Self::Distributed(Distributed { cluster, .. }) if is_query(method, path) => {
                cluster.query_urls()
            }
            Self::Distributed(_) | Self::Embedded(_) => vec![self.base(method, path)],
        }
    }

    #[track_caller]
    pub(super) fn cluster(&self) -> Arc<Cluster> {
        match self {
            Self::Embedded(_) => panic!("everything is in this process"),
            Self::Distributed(distributed) => distributed.cluster.clone(),
        }
    }

    #[track_caller]
    pub(super) fn data(&self) -> &PathBuf {
        match self {
            Self::Embedded(embedded) => &embedded.data.0,
            Self::Distributed(_) => panic!("nothing is in a folder"),
        }
    }
}

impl Embedded {
    pub(super) async fn start(
        data: DataFolder,
        clock: Option<Arc<ManualClock>>,
        change: impl FnOnce(&mut AppConfig),
    ) -> Self {
        // The clock starts at the present, because tokens and file times are compared with it.
        let clock =
            clock.unwrap_or_else(|| Arc::new(ManualClock::new(SystemClock.now().trunc_subsecs(3))));
        let mut config = AppConfig::for_tests(data.0.clone());
        config.clock = Some(clock.clone());
        change(&mut config);
        let app = App::start(config).await.unwrap();
        Self { app, clock, data }
    }

    pub(super) async fn restart(self, change: impl FnOnce(&mut AppConfig)) -> Self {
        let Self { app, clock, data } = self;
        app.shutdown().await.unwrap();
        Self::start(data, Some(clock), change).await
    }

    pub(super) async fn stop(self) -> DataFolder {
        self.app.shutdown().await.unwrap();
        self.data
    }

    pub(super) async fn finish(self) {
        assert_clean(&self.stop().await);
    }
}

impl Distributed {
    pub(super) async fn shared(test: &str) -> Option<Self> {
        let start = async || {
            let started = AssertUnwindSafe(start("the journeys", true)).catch_unwind();
            let started = started.await.map(|cluster| cluster.map(Arc::new));
            started
                .map_err(|_| "the cluster did not come up: the first test that wanted it says why")
        };
        let cluster = SHARED.get_or_init(start).await.clone().unwrap();
        if cluster.is_none() {
            servers::skip(test, "there is no cluster");
        }
        Some(Self::of(cluster?))
    }

    pub(super) async fn alone(test: &str, proxy: bool) -> Option<Self> {
        let cluster = start(test, proxy).await?;
        Some(Self::of(Arc::new(cluster)))
    }

    pub(super) async fn alone_with(test: &str, extra: Extra) -> Option<Self> {
        let cluster = Cluster::start_with(layout(test, true), extra).await?;
        Some(Self::of(Arc::new(cluster)))
    }

    pub(super) async fn restart(self) -> Self {
        assert_eq!(
            Arc::strong_count(&self.cluster),
            1,
            "the cluster is shared: others are at it"
        );
        self.cluster.restart().await;
        self
    }

    fn of(cluster: Arc<Cluster>) -> Self {
        let signer = Signer::read(&cluster.key()).unwrap();
        Self { cluster, signer }
    }

    fn token(&self, role: Role, id: Uuid) -> String {
        let principal = Principal { id, role };
        self.signer
            .issue(principal, SystemClock.now(), Duration::from_hours(1))
    }

    pub(super) async fn check(self) {
        self.cluster.check().await;
    }
}

fn layout(test: &str, proxy: bool) -> Layout<'_> {
    let program = env!("CARGO_BIN_EXE_frontrow").as_ref();
    Layout {
        test,
        program,
        proxy,
    }
}

async fn start(test: &str, proxy: bool) -> Option<Cluster> {
    Cluster::start(layout(test, proxy)).await
}

/// Runs `frontrow audit verify`, which must find nothing.
#[track_caller]
pub(crate) fn assert_clean(data: &DataFolder) {
    let report = Command::new(env!("CARGO_BIN_EXE_frontrow"))
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
