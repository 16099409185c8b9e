//! The program on servers of the test's own, which it may break.

use servers::{Cluster, Kafka, Layout, Options, Postgres, Redis, StandbyOptions, Stores};
use tokio::sync::{Mutex, MutexGuard};

/// The stage that the last fault left whole. One fault at a time: they share the machine, and the times are compared.
static WHOLE: Mutex<Option<Stage>> = Mutex::const_new(None);

/// Servers and roles. The roles go first.
pub(crate) struct Stage {
    pub(crate) cluster: Cluster,
    pub(crate) servers: Servers,
}

/// The stage of one fault, while it has it.
pub(crate) struct Turn {
    pub(crate) stage: Stage,
    whole: MutexGuard<'static, Option<Stage>>,
}

impl Turn {
    /// The stage that was left whole, or a new one; `None`, and a note that `test` was skipped, where a server isn't installed.
    pub(crate) async fn begin(test: &str) -> Option<Self> {
        let mut whole = WHOLE.lock().await;
        let stage = match whole.take() {
            Some(stage) => stage,
            None => Stage::set(test).await?,
        };
        Some(Self { stage, whole })
    }

    /// Leaves the stage to the next fault: everything is where it was.
    pub(crate) fn end(mut self) {
        *self.whole = Some(self.stage);
    }
}

/// Each server of its own.
pub(crate) struct Servers {
    pub(crate) log: Postgres,
    pub(crate) log_standby: Postgres,
    pub(crate) read_model: Postgres,
    pub(crate) replica: Postgres,
    pub(crate) kafka: Kafka,
    pub(crate) redis: Redis,
}

impl Stage {
    /// Everything, started.
    pub(crate) async fn set(test: &str) -> Option<Self> {
        let servers = Servers::start(test).await?;
        for (server, database) in [
            (&servers.log, "log"),
            (&servers.log, "keys"),
            (&servers.read_model, "read_model"),
        ] {
            let create = format!("CREATE DATABASE {database}");
            server.execute(&create).await.unwrap();
        }
        let both = |primary: &Postgres, standby: &Postgres, database: &str| {
            format!("{},{}", primary.url(database), standby.url(database))
        };
        let stores = Stores {
            log: both(&servers.log, &servers.log_standby, "log"),
            key_store: both(&servers.log, &servers.log_standby, "keys"),
            read_model: both(&servers.read_model, &servers.replica, "read_model"),
            replica: servers.replica.url("read_model"),
            brokers: servers.kafka.brokers(),
            waiting_room: servers.redis.url(),
        };
        let layout = Layout {
            test,
            program: env!("CARGO_BIN_EXE_frontrow").as_ref(),
            proxy: true,
        };
        let cluster = Cluster::start_on(layout, stores, Vec::new()).await?;
        Some(Self { cluster, servers })
    }
}

impl Servers {
    async fn start(test: &str) -> Option<Self> {
        let pair = async |name: &str, synchronous| {
            let primary = Postgres::start(&format!("{test}, {name}"), Options::default()).await?;
            let standby = primary.standby(StandbyOptions { synchronous }).await;
            Some((primary, standby))
        };
        let (log, read_model, kafka, redis) = tokio::join!(
            pair("log", true),
            pair("read model", false),
            Kafka::start(test),
            Redis::start(test, false)
        );
        let ((log, log_standby), (read_model, replica)) = (log?, read_model?);
        Some(Self {
            log,
            log_standby,
            read_model,
            replica,
            kafka: kafka?,
            redis: redis?,
        })
    }
}
