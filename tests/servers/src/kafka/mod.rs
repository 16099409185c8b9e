//! An Apache Kafka of one's own: a broker that is its own controller.

mod jars;

use std::{
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Duration,
};

use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer},
};
use rustix::process::Signal;
use uuid::Uuid;

use crate::{
    home::{Home, ended, finish, send},
    notes,
    wait::{free_port, until},
};

/// How long it may take to start or stop.
const PATIENCE: Duration = Duration::from_mins(2);
const LOG: &str = "kafka.log";

/// A running broker with fresh data, on free loopback ports; it goes with the value.
#[derive(Debug)]
pub struct Kafka {
    name: String,
    jars: PathBuf,
    home: Home,
    cluster: String,
    port: u16,
    process: Option<Child>,
    version: String,
}

impl Kafka {
    /// A new broker. `None`, and a note that `test` was skipped, where Java or the jars can't be had.
    ///
    /// # Panics
    /// Where they are there and it does not start.
    pub async fn start(test: &str) -> Option<Self> {
        match Self::try_start(test).await {
            Ok(kafka) => Some(kafka),
            Err(reason) => {
                notes::skip(test, &format!("no Apache Kafka: {reason}"));
                None
            }
        }
    }

    /// A new broker, or why there can be none.
    ///
    /// # Errors
    /// Why Java or the jars can't be had.
    ///
    /// # Panics
    /// Where they are there and it does not start.
    pub async fn try_start(name: &str) -> Result<Self, String> {
        let java = Command::new("java").arg("-version").output();
        java.map_err(|error| format!("Java does not run: {error}"))?;
        let jars = jars::folder().await?;
        let mut reason = String::new();
        for _ in 0..3 {
            match Self::start_on_free_ports(name, &jars).await {
                Ok(kafka) => {
                    notes::used(&kafka.describe());
                    return Ok(kafka);
                }
                // A port that was free may be taken a moment later.
                Err(problem) => reason = problem,
            }
        }
        panic!("Kafka did not start: {reason}");
    }

    async fn start_on_free_ports(name: &str, jars: &Path) -> Result<Self, String> {
        let (port, controller) = (free_port(), free_port());
        let home = Home::new("kafka");
        let listeners = format!(
            "listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
             controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n"
        );
        let settings = include_str!("../../kafka/server.properties").to_owned() + &listeners;
        let log = include_str!("../../kafka/log4j2.properties");
        std::fs::write(home.path().join("server.properties"), settings)
            .and_then(|()| std::fs::write(home.path().join("log4j2.properties"), log))
            .map_err(|error| error.to_string())?;
        // As Kafka writes ids: 22 letters and digits for 16 bytes, the last of which leaves four bits over.
        let random = Uuid::now_v7().simple().to_string();
        let cluster = format!("{}A", &random[random.len() - 21..]);
        let mut kafka = Self {
            name: name.to_owned(),
            jars: jars.to_owned(),
            home,
            cluster,
            port,
            process: None,
            version: String::new(),
        };
        let mut format = kafka.java("kafka.tools.StorageTool", &["-XX:TieredStopAtLevel=1"]);
        format
            .args(["format", "--standalone", "-c", "server.properties", "-t"])
            .arg(&kafka.cluster);
        finish(&kafka.home, LOG, format, PATIENCE).await;
        kafka.run().await?;
        Ok(kafka)
    }

    /// Where clients find it.
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its version, as it says itself.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Its process id.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// Ends it at once, without asking.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            self.home.kill();
            process.wait().ok();
        }
    }

    /// Asks it to stop, and waits for its end.
    ///
    /// # Panics
    /// Where it does not end.
    pub async fn stop(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        send(process.id(), Signal::TERM);
        if let Err(reason) = until(PATIENCE, async || ended(&mut process)).await {
            panic!("Kafka did not stop: {reason}\n{}", self.home.tail(LOG));
        }
    }

    /// Stops if it runs, then starts on the same data and the same port.
    ///
    /// # Panics
    /// Where it does not come up.
    pub async fn restart(&mut self) {
        self.stop().await;
        if let Err(reason) = self.run().await {
            panic!("Kafka did not start again: {reason}");
        }
    }

    /// Stops it where it stands.
    pub fn pause(&self) {
        self.home.pause();
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.home.resume();
    }

    /// What it is, by what it says of itself.
    pub fn describe(&self) -> String {
        let process = self.process.as_ref().map_or(0, Child::id);
        format!(
            "Apache Kafka, {}: {}, cluster {}, process {process}",
            self.name, self.version, self.cluster
        )
    }

    /// Kafka's programs with a small heap.
    fn java(&self, class: &str, options: &[&str]) -> Command {
        let mut java = self.home.command("java", LOG);
        java.args(["-Xmx400m", "-XX:+UseSerialGC"])
            .args(options)
            .args(["-Dlog4j2.configurationFile=log4j2.properties", "-cp"])
            .arg(self.jars.join("*"))
            .arg(class);
        java
    }

    /// Starts, and makes sure that the broker that answers is this one.
    async fn run(&mut self) -> Result<(), String> {
        let mut kafka = self.java("kafka.Kafka", &[]);
        let mut process = kafka
            .arg("server.properties")
            .spawn()
            .map_err(|error| error.to_string())?;
        let id = process.id();
        let brokers = self.brokers();
        let answered = until(PATIENCE, async || {
            if ended(&mut process).is_ok() {
                return Ok(None);
            }
            cluster_at(&brokers).await.map(Some)
        })
        .await;
        let tail = self.home.tail(LOG);
        let cluster = answered
            .map_err(|reason| format!("{reason}\n{tail}"))?
            .ok_or_else(|| format!("it ended\n{tail}"))?;
        if cluster != self.cluster {
            return Err(format!("another cluster answers at {brokers}: {cluster}"));
        }
        let log = std::fs::read_to_string(self.home.path().join(LOG)).unwrap_or_default();
        // Each line begins with the process that wrote it.
        let own = log
            .lines()
            .filter_map(|line| line.strip_prefix(&format!("{id} ")))
            .find_map(|line| line.split_once("Kafka version: "));
        let (_, version) = own.ok_or("the broker does not say its version")?;
        let version = version.split_whitespace().next();
        self.version = version.map(str::to_owned).unwrap_or_default();
        self.process = Some(process);
        Ok(())
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Asks whoever listens there which cluster it is, and whether a broker of it takes requests.
async fn cluster_at(brokers: &str) -> Result<String, String> {
    const ANSWER: Duration = Duration::from_secs(2);
    let brokers = brokers.to_owned();
    let ask = move || {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            // A broker that isn't up yet is no news.
            .set("log.connection.close", "false")
            .create()
            .map_err(|error| error.to_string())?;
        let metadata = consumer
            .fetch_metadata(None, ANSWER)
            .map_err(|error| error.to_string())?;
        if metadata.brokers().is_empty() {
            return Err("no broker yet".to_owned());
        }
        let cluster = consumer.client().fetch_cluster_id(ANSWER);
        cluster.ok_or_else(|| "no cluster id yet".to_owned())
    };
    tokio::task::spawn_blocking(ask)
        .await
        .map_err(|error| error.to_string())?
}
