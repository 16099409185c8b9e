//! What is loaded.

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command},
    time::{Duration, Instant},
};

use edge::auth::SIGNING_KEY_FILE;
use servers::Home;

use crate::{Mode, stage::Stage};

/// How long the one process may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);
const LOG: &str = "serve.log";
/// The member whose memory is told, and that streams go to.
const STREAMING: &str = "query-api-1";

/// A running system. It goes with the value.
pub(crate) enum System {
    Embedded(Embedded),
    Distributed(Box<Stage>),
}

pub(crate) struct Embedded {
    process: Child,
    url: String,
    home: Home,
}

impl System {
    /// `None`, and a note, where a server isn't installed.
    pub(crate) async fn start(mode: Mode) -> Option<Self> {
        Some(match mode {
            Mode::Embedded => Self::Embedded(Embedded::start()),
            Mode::Distributed => Self::Distributed(Box::new(Stage::set("the load test").await?)),
        })
    }

    /// What it runs on.
    pub(crate) fn describe(&self) -> Vec<String> {
        match self {
            Self::Embedded(_) => vec!["SQLite, in the process".to_owned()],
            Self::Distributed(stage) => {
                let own = &stage.servers;
                let postgres = [&own.log, &own.log_standby, &own.read_model, &own.replica];
                let postgres = postgres.map(servers::Postgres::describe);
                let others = [own.kafka.describe(), own.redis.describe()];
                postgres.into_iter().chain(others).collect()
            }
        }
    }

    /// Where commands go.
    pub(crate) fn commands(&self) -> String {
        match self {
            Self::Embedded(embedded) => embedded.url.clone(),
            Self::Distributed(stage) => stage.cluster.command_url(),
        }
    }

    /// Where queries go.
    pub(crate) fn queries(&self) -> Vec<String> {
        match self {
            Self::Embedded(embedded) => vec![embedded.url.clone()],
            Self::Distributed(stage) => {
                let members = [STREAMING, "query-api-2"];
                members.map(|member| stage.cluster.url_of(member)).into()
            }
        }
    }

    /// The process that everything is, where it is one.
    pub(crate) fn pid(&self) -> Option<u32> {
        match self {
            Self::Embedded(embedded) => Some(embedded.process.id()),
            Self::Distributed(_) => None,
        }
    }

    /// The process that streams are opened on, and where it answers.
    pub(crate) fn streaming(&self) -> (u32, String) {
        match self {
            Self::Embedded(embedded) => (embedded.process.id(), embedded.url.clone()),
            Self::Distributed(stage) => {
                let cluster = &stage.cluster;
                (cluster.pid_of(STREAMING), cluster.url_of(STREAMING))
            }
        }
    }

    /// The key that signs tokens.
    pub(crate) fn key(&self) -> PathBuf {
        match self {
            Self::Embedded(embedded) => embedded.home.path().join("data").join(SIGNING_KEY_FILE),
            Self::Distributed(stage) => stage.cluster.key(),
        }
    }

    /// Runs `frontrow audit verify`; in the distributed mode it ends the run where something is found, and the bus is compared with the
    /// log, too.
    pub(crate) async fn check(&self) -> bool {
        match self {
            Self::Embedded(embedded) => embedded.verify(),
            Self::Distributed(stage) => {
                stage.cluster.check().await;
                true
            }
        }
    }
}

impl Embedded {
    fn start() -> Self {
        let home = Home::new("load");
        // Nobody else takes ports on a machine that is measured.
        let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let listen = free.local_addr().unwrap().to_string();
        drop(free);
        let process = home
            .command(env!("CARGO_BIN_EXE_frontrow"), LOG)
            .args(["serve", "--data", "data", "--listen", &listen])
            .env("FRONTROW__SERVER__DEMO_CATALOGUE", "false")
            .spawn()
            .unwrap();
        let embedded = Self {
            process,
            url: format!("http://{listen}"),
            home,
        };
        embedded.until_ready();
        embedded
    }

    fn until_ready(&self) {
        let end = Instant::now() + PATIENCE;
        while !frontrow(&["healthcheck", "--url", &self.url]) {
            assert!(
                Instant::now() < end,
                "the server is not ready\n{}",
                self.home.tail(LOG)
            );
        }
    }

    fn verify(&self) -> bool {
        let data = self.home.path().join("data").display().to_string();
        frontrow(&["audit", "verify", "--data", &data])
    }
}

/// Runs the program to its end; whether that is a good one.
fn frontrow(arguments: &[&str]) -> bool {
    let output = Command::new(env!("CARGO_BIN_EXE_frontrow"))
        .args(arguments)
        .output()
        .unwrap();
    let is_good = output.status.success();
    if !is_good && arguments[0] == "audit" {
        println!("{}", String::from_utf8_lossy(&output.stdout));
        println!("{}", String::from_utf8_lossy(&output.stderr));
    }
    is_good
}
