//! The servers that all tests share.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, ExitCode, Stdio},
};

use rdkafka::mocking::MockCluster;
use servers::{Kafka, Options, Postgres, Redis, StandbyOptions};

/// What of them could be started. They go with the value.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Primary and synchronous standby.
    log: Option<(Postgres, Postgres)>,
    /// Primary and streaming replica.
    read_model: Option<(Postgres, Postgres)>,
    kafka: Option<Kafka>,
    mock: Option<MockKafka>,
    redis: Option<Redis>,
    /// What could not be started, and why.
    pub(crate) missing: Vec<String>,
}

impl Shared {
    pub(crate) async fn start() -> Self {
        let log = pair("the log", true);
        let read_model = pair("the read model", false);
        let kafka = Kafka::try_start("the bus");
        let redis = Redis::try_start(false);
        let (log, read_model, kafka, redis) = tokio::join!(log, read_model, kafka, redis);
        let mut shared = Self {
            log,
            read_model,
            redis,
            ..Self::default()
        };
        if shared.log.is_none() || shared.read_model.is_none() {
            shared.missing.push("Postgres is not installed".to_owned());
        }
        if shared.redis.is_none() {
            shared.missing.push("Redis is not installed".to_owned());
        }
        match kafka {
            Ok(kafka) => shared.kafka = Some(kafka),
            Err(reason) => shared.fall_back(&reason),
        }
        shared
    }

    fn fall_back(&mut self, reason: &str) {
        let missing = format!("NO APACHE KAFKA, LIBRDKAFKA'S MOCK CLUSTER INSTEAD: {reason}");
        eprintln!("\n*** {missing} ***\n");
        self.missing.push(missing);
        match MockKafka::start() {
            Ok(mock) => self.mock = Some(mock),
            Err(error) => self.missing.push(format!("nor a mock cluster: {error}")),
        }
    }

    /// The variables by which the tests find them.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = Vec::new();
        if let Some((primary, _)) = &self.log {
            variables.push(("FRONTROW_TEST_LOG_URL", primary.url("postgres")));
        }
        if let Some((primary, replica)) = &self.read_model {
            variables.push(("FRONTROW_TEST_READ_MODEL_URL", primary.url("postgres")));
            let replica = replica.url("postgres");
            variables.push(("FRONTROW_TEST_READ_MODEL_REPLICA_URL", replica));
        }
        if let Some(kafka) = &self.kafka {
            variables.push(("FRONTROW_TEST_KAFKA", kafka.brokers()));
        }
        if let Some(redis) = &self.redis {
            variables.push(("FRONTROW_TEST_REDIS_URL", redis.url()));
        }
        if let Some(mock) = &self.mock {
            variables.push(("FRONTROW_TEST_KAFKA", mock.brokers.clone()));
            variables.push(("FRONTROW_TEST_KAFKA_MOCK", "1".to_owned()));
        }
        variables
    }

    /// The real ones, by what each says of itself.
    pub(crate) fn describe(&self) -> Vec<String> {
        let pairs = self.log.iter().chain(&self.read_model);
        let postgres = pairs.flat_map(|(first, second)| [first.describe(), second.describe()]);
        postgres
            .chain(self.kafka.iter().map(Kafka::describe))
            .chain(self.redis.iter().map(Redis::describe))
            .collect()
    }
}

async fn pair(name: &str, synchronous: bool) -> Option<(Postgres, Postgres)> {
    let options = Options {
        settings: vec![("max_wal_size".to_owned(), "'2GB'".to_owned())],
    };
    let primary = Postgres::start(name, options).await?;
    let standby = primary.standby(StandbyOptions { synchronous }).await;
    Some((primary, standby))
}

/// The mock cluster in a process of its own, which other processes may join. It ends when its standard input does.
#[derive(Debug)]
struct MockKafka {
    process: Child,
    brokers: String,
}

impl MockKafka {
    fn start() -> Result<Self, std::io::Error> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("mock-kafka")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut brokers = String::new();
        if let Some(stdout) = process.stdout.take() {
            BufReader::new(stdout).read_line(&mut brokers)?;
        }
        let brokers = brokers.trim().to_owned();
        Ok(Self { process, brokers })
    }
}

impl Drop for MockKafka {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Runs the mock cluster until standard input ends, and prints its bootstrap servers first.
pub(crate) fn mock_kafka() -> ExitCode {
    let cluster = match MockCluster::new(3) {
        Ok(cluster) => cluster,
        Err(error) => {
            eprintln!("servers: the mock cluster does not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let told = writeln!(std::io::stdout(), "{}", cluster.bootstrap_servers());
    let ended = std::io::stdin().read_to_end(&mut Vec::new());
    if told.is_ok() && ended.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
