//! The program's roles in processes of their own, on real servers.

mod bus;
mod extra;
mod member;
mod probe;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

pub use self::extra::Extra;
use self::member::Member;
use crate::{
    Database, Haproxy, Home, apache_kafka, log_database, read_model_database, redis, wait::until,
};

/// Partitions of a test's topic: more than workers, so that each has several.
const PARTITIONS: u32 = 6;

/// Which roles run, by the name of their process.
const MEMBERS: [(&str, &str); 11] = [
    ("command-api-1", "command-api"),
    ("command-api-2", "command-api"),
    ("process-managers-1", "process-managers"),
    ("process-managers-2", "process-managers"),
    ("relay-1", "relay"),
    ("relay-2", "relay"),
    ("projections-1", "projections"),
    ("projections-2", "projections"),
    ("query-api-1", "query-api"),
    // Reads the replica; the first knows the primary alone.
    (READS_THE_REPLICA, "query-api"),
    ("audit", "audit"),
];
/// How long a leader may take to appear: several terms.
const PATIENCE: Duration = Duration::from_mins(1);
/// 1 where a process relays.
const RELAY_LEADS: &str = "event_store_relay_leader";
const READS_THE_REPLICA: &str = "query-api-2";

/// Where the roles keep what they know.
#[derive(Debug, Clone)]
pub struct Stores {
    /// The log: one URL, or several separated by commas.
    pub log: String,
    /// The key store.
    pub key_store: String,
    /// The read model's primary.
    pub read_model: String,
    /// Its replica.
    pub replica: String,
    /// Kafka's bootstrap servers.
    pub brokers: String,
    /// The waiting room.
    pub waiting_room: String,
}

/// Two of every role but one audit, and haproxy before the command APIs if asked for. They go with the value.
#[derive(Debug)]
pub struct Cluster {
    home: Home,
    config: PathBuf,
    program: PathBuf,
    stores: Stores,
    extra: Extra,
    topic: String,
    members: Vec<Member>,
    proxy: Option<Haproxy>,
    turn: AtomicUsize,
    /// Databases of the shared servers; they go last.
    _databases: Vec<Database>,
}

/// What a cluster is made of.
#[derive(Debug, Clone, Copy)]
pub struct Layout<'a> {
    /// The test, for the report.
    pub test: &'a str,
    /// The built program.
    pub program: &'a Path,
    /// Whether haproxy stands before the command APIs.
    pub proxy: bool,
}

impl Cluster {
    /// A cluster on databases of its own of the servers that all tests share. `None`, and a note that the test was skipped, where one of
    /// them isn't there.
    ///
    /// # Panics
    /// Where they are there and a role does not come up.
    pub async fn start(layout: Layout<'_>) -> Option<Self> {
        Self::start_with(layout, Extra::default()).await
    }

    /// The same, with more than its processes need.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub async fn start_with(layout: Layout<'_>, extra: Extra) -> Option<Self> {
        let log = log_database(layout.test).await?;
        let keys = log_database(layout.test).await?;
        let read_model = read_model_database(layout.test).await?;
        let stores = Stores {
            log: log.url.clone(),
            key_store: keys.url.clone(),
            read_model: read_model.url.clone(),
            replica: read_model.replica_url.clone()?,
            brokers: apache_kafka(layout.test)?,
            waiting_room: redis(layout.test)?,
        };
        let databases = vec![log, keys, read_model];
        Self::set_up(layout, stores, databases, extra).await
    }

    /// A cluster on the test's own servers, with the databases that are to go with it.
    ///
    /// # Panics
    /// Where a role does not come up.
    pub async fn start_on(
        layout: Layout<'_>,
        stores: Stores,
        databases: Vec<Database>,
    ) -> Option<Self> {
        Self::set_up(layout, stores, databases, Extra::default()).await
    }

    async fn set_up(
        layout: Layout<'_>,
        stores: Stores,
        databases: Vec<Database>,
        extra: Extra,
    ) -> Option<Self> {
        let home = Home::new("cluster");
        let config = home.path().join("frontrow.toml");
        let name = home.path().file_name().and_then(|name| name.to_str());
        let topic = name.unwrap_or("frontrow").to_owned();
        let members: Vec<_> = MEMBERS
            .iter()
            .map(|(name, roles)| Member::new(name, roles))
            .collect();
        let mut cluster = Self {
            program: layout.program.to_owned(),
            home,
            config,
            stores,
            extra,
            topic,
            members,
            proxy: None,
            turn: AtomicUsize::new(0),
            _databases: databases,
        };
        cluster.write_config();
        if layout.proxy {
            let backends: Vec<_> = cluster
                .with_role("command-api")
                .map(Member::address)
                .collect();
            cluster.proxy = Some(Haproxy::start(layout.test, &backends).await?);
        }
        cluster.launch().await;
        Some(cluster)
    }

    /// Starts every process at once: none needs another to start.
    async fn launch(&self) {
        for member in &self.members {
            member.launch(self, &[]);
        }
        for member in &self.members {
            member.until_ready(&self.home).await;
        }
        if let Some(proxy) = &self.proxy {
            proxy.until_all_serve().await;
        }
    }

    /// The deadline is the longest there is: a machine may be slow without being at fault. One thread a process: there are five times more
    /// processes than processors.
    fn write_config(&self) {
        let Stores {
            log,
            key_store,
            read_model,
            brokers,
            waiting_room,
            ..
        } = &self.stores;
        let (topic, key, more) = (&self.topic, self.key(), &self.extra.settings);
        let text = format!(
            "[server]\nworker_threads = 1\n[log]\nurl = \"{log}\"\n[bus]\nurl = \"kafka:{brokers}\"\ntopic = \"{topic}\"\npartitions = {PARTITIONS}\nreplication = 1\n\
             requests_group = \"{topic}\"\n\
             [read_model]\nurl = \"{read_model}\"\n[key_store]\nurl = \"{key_store}\"\n\
             [waiting_room]\nurl = \"{waiting_room}\"\n\
             [auth]\nsigning_key = \"{}\"\ntrusted_keys = [\"{}\"]\n[executor]\ndeadline_ms = 9000\n[telemetry]\nformat = \"json\"\n{more}",
            key.display(),
            self.home.path().join("public.pem").display(),
        );
        std::fs::write(&self.config, text).expect("the folder takes a configuration");
        // A new key's public half is what is printed.
        let made = self.run(&["keys", "new", &key.display().to_string()]);
        std::fs::write(self.home.path().join("public.pem"), made)
            .expect("the folder takes a public key");
    }

    /// Runs the program to its good end; what it printed.
    fn run(&self, arguments: &[&str]) -> String {
        let output = Command::new(&self.program)
            .args(arguments)
            .current_dir(self.home.path())
            .output()
            .expect("the program is built");
        assert!(
            output.status.success(),
            "frontrow {}: {}\n{}{}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The file with the settings of every role.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// The file with the key that signs tokens.
    pub fn key(&self) -> PathBuf {
        self.home.path().join("signing-key.pem")
    }

    /// Where the roles keep what they know.
    pub fn stores(&self) -> &Stores {
        &self.stores
    }

    /// Where to send a command: the proxy, or each command API in turn.
    pub fn command_url(&self) -> String {
        let proxy = self.proxy.as_ref().map(Haproxy::url);
        proxy.unwrap_or_else(|| self.in_turn("command-api"))
    }

    /// Where to ask: each query API in turn.
    pub fn query_url(&self) -> String {
        self.in_turn("query-api")
    }

    /// Each place to ask.
    pub fn query_urls(&self) -> Vec<String> {
        self.with_role("query-api").map(Member::url).collect()
    }

    fn in_turn(&self, role: &str) -> String {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let all: Vec<_> = self.with_role(role).collect();
        all[turn % all.len()].url()
    }

    fn with_role(&self, role: &str) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(move |member| member.is(role))
    }

    /// Where a process answers.
    pub fn url_of(&self, member: &str) -> String {
        self.member(member).url()
    }

    /// The process that a member is.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn pid_of(&self, member: &str) -> u32 {
        let pid = self.member(member).pid();
        pid.unwrap_or_else(|| panic!("{member} does not run"))
    }

    fn member(&self, name: &str) -> &Member {
        let member = self.members.iter().find(|member| member.name() == name);
        member.unwrap_or_else(|| panic!("there is no process {name}"))
    }

    /// Ends a process at once, without asking.
    pub fn kill(&self, member: &str) {
        self.member(member).kill();
    }

    /// Asks a process to end, and waits for its good end.
    pub async fn stop(&self, member: &str) {
        self.member(member).stop(&self.home).await;
    }

    /// Starts a process that has ended, on its old address, and waits until it is ready.
    pub async fn start_again(&self, member: &str) {
        self.start_again_with(member, &[]).await;
    }

    /// The same, with further arguments on its command line.
    pub async fn start_again_with(&self, member: &str, arguments: &[&str]) {
        let member = self.member(member);
        member.launch(self, arguments);
        member.until_ready(&self.home).await;
    }

    /// Waits until a process has ended by itself.
    ///
    /// # Panics
    /// Where it runs on.
    pub async fn until_ended(&self, member: &str) {
        self.member(member).until_ended().await;
    }

    /// Asks every process to end, and starts all of them again on their old addresses.
    ///
    /// # Panics
    /// Where one does not end in order, or does not come up.
    pub async fn restart(&self) {
        for member in &self.members {
            member.signal(rustix::process::Signal::TERM);
        }
        for member in &self.members {
            member.stop(&self.home).await;
        }
        self.launch().await;
    }

    /// Stops a process where it stands.
    pub fn pause(&self, member: &str) {
        self.member(member).signal(rustix::process::Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&self, member: &str) {
        self.member(member).signal(rustix::process::Signal::CONT);
    }

    /// Whether a process says that it is ready.
    pub async fn is_ready(&self, member: &str) -> bool {
        self.member(member).is_ready().await.is_ok()
    }

    /// Waits until a process says that it is ready.
    ///
    /// # Panics
    /// Where it does not.
    pub async fn until_ready(&self, member: &str) {
        self.member(member).until_ready(&self.home).await;
    }

    /// The relay that says that it leads, once one does.
    ///
    /// # Panics
    /// Where none does.
    pub async fn leading_relay(&self) -> &'static str {
        let leader = until(PATIENCE, async || {
            for relay in self.with_role("relay") {
                if relay.leads(RELAY_LEADS).await == Ok(true) {
                    return Ok(relay.name());
                }
            }
            Err("no relay leads".to_owned())
        });
        leader.await.unwrap_or_else(|reason| panic!("{reason}"))
    }

    /// The last lines of a process's log.
    pub fn tail(&self, member: &str) -> String {
        self.home.tail(&self.member(member).log())
    }

    /// Runs `frontrow audit verify --bus`, which must find nothing; then reads the topic with a plain consumer, and what is there, without
    /// what a partition repeats, must be the log.
    ///
    /// # Panics
    /// Where one of them finds something.
    pub async fn check(&self) {
        let config = self.config.display().to_string();
        self.run(&["audit", "verify", "--bus", "--config", &config]);
        bus::assert_equals_log(&self.stores.brokers, &self.topic, &self.stores.log).await;
    }
}
