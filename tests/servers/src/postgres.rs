//! A Postgres of the test's own, to break.

use std::{
    path::{Path, PathBuf},
    process::Child,
    time::Duration,
};

use rustix::process::Signal;
use sqlx::{Connection, PgConnection};

use crate::{
    home::{Home, Owner, ended, finish, send},
    notes,
    wait::{free_port, until},
};

/// How long a server may take to start, stop, copy or promote.
const PATIENCE: Duration = Duration::from_mins(1);
const LOG: &str = "postgres.log";

/// What a server is started with, beyond what every test wants.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Lines of `postgresql.conf`: name and value, the value as it stands there.
    pub settings: Vec<(String, String)>,
}

/// What a standby is.
#[derive(Debug, Clone, Copy, Default)]
pub struct StandbyOptions {
    /// Whether the primary waits for it before it acknowledges a commit.
    pub synchronous: bool,
}

/// A running server in a fresh folder, on a free loopback port; it goes with the value. Everybody on this machine may connect, as the
/// superuser `frontrow`.
#[derive(Debug)]
pub struct Postgres {
    /// The name in the report, and the one by which a primary knows its standby.
    name: String,
    port: u16,
    home: Home,
    programs: PathBuf,
    process: Option<Child>,
    said: Said,
}

/// What a server says of itself.
#[derive(Debug, Clone, Default)]
struct Said {
    system: String,
    process: u32,
    version: String,
    folder: String,
}

impl Postgres {
    /// A new primary. `None`, and a note that `test` was skipped, where Postgres isn't installed.
    ///
    /// # Panics
    /// Where it is installed and does not start.
    pub async fn start(test: &str, options: Options) -> Option<Self> {
        let programs = programs().or_else(|| {
            notes::skip(test, "Postgres is not installed");
            None
        })?;
        let owner = Owner::instead_of_root("postgres");
        let home = Home::owned_by("postgres", owner);
        let mut initdb = home.command(programs.join("initdb"), LOG);
        initdb.args(["-D", "data", "-U", "frontrow", "-A", "trust", "-E", "UTF8"]);
        // The new folder is written out by the server's first checkpoint; until then it holds nothing.
        initdb.args(["--locale=C.UTF-8", "--no-sync"]);
        finish(&home, LOG, initdb, PATIENCE).await;
        let settings = options
            .settings
            .iter()
            .map(|(name, value)| format!("{name} = {value}\n"));
        let settings = BASE.to_owned() + &settings.collect::<String>();
        append(&home, "data/postgresql.conf", &settings);
        let mut server = Self {
            name: test.to_owned(),
            port: 0,
            home,
            programs,
            process: None,
            said: Said::default(),
        };
        server.choose_port_and_run().await;
        Some(server)
    }

    /// A new standby that follows this server through a replication slot, and serves reads.
    ///
    /// # Panics
    /// Where it does not come to follow.
    pub async fn standby(&self, options: StandbyOptions) -> Self {
        let home = Home::owned_by("postgres", Owner::instead_of_root("postgres"));
        // The folder's name is the only one that no other standby has.
        let name = home
            .path()
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
            .replace('-', "_");
        let primary = format!(
            "host=127.0.0.1 port={} user=frontrow application_name={name}",
            self.port
        );
        let mut copy = home.command(self.programs.join("pg_basebackup"), LOG);
        copy.args(["-d", &primary, "-D", "data", "-R", "-X", "stream"])
            .args(["-C", "-S", &name, "-c", "fast", "--no-sync"]);
        finish(&home, LOG, copy, PATIENCE).await;
        let mut standby = Self {
            name: format!("{}, standby", self.name),
            port: 0,
            home,
            programs: self.programs.clone(),
            process: None,
            said: Said::default(),
        };
        standby.choose_port_and_run().await;
        if options.synchronous {
            // A name is put into a setting as it is: it is made of letters, digits and underscores.
            self.execute(&format!(
                "ALTER SYSTEM SET synchronous_standby_names = '{name}'"
            ))
            .await
            .expect("a primary takes a setting");
            self.execute("SELECT pg_reload_conf()")
                .await
                .expect("a primary reloads its settings");
        }
        let wanted = if options.synchronous { "sync" } else { "async" };
        self.until_true(
            "SELECT sync_state = $2 AND state = 'streaming' FROM pg_stat_replication WHERE application_name = $1",
            &[&name, wanted],
        )
        .await;
        standby
    }

    /// Where a database of this server is.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://frontrow@127.0.0.1:{}/{database}", self.port)
    }

    /// Its version, as it says itself.
    pub fn version(&self) -> &str {
        &self.said.version
    }

    /// The process id of its postmaster, as it says itself.
    pub fn pid(&self) -> u32 {
        self.said.process
    }

    /// What it is, by what it says of itself.
    pub fn describe(&self) -> String {
        format!(
            "Postgres, {}: {}, process {}",
            self.name, self.said.version, self.said.process
        )
    }

    /// Its port on 127.0.0.1; it keeps it for life.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends the postmaster and all its children at once, as a loss of power would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // First the one that begins new children; the system keeps what was written, as it does for a process killed alone.
            process.kill().ok();
            self.home.kill();
            process.wait().ok();
        }
    }

    /// Shuts down in order: what is under way is rolled back, clients are sent away.
    ///
    /// # Panics
    /// Where it does not end.
    pub async fn stop(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        // SIGINT is Postgres's fast shutdown.
        send(process.id(), Signal::INT);
        if let Err(reason) = until(PATIENCE, async || ended(&mut process)).await {
            panic!("Postgres did not stop: {reason}\n{}", self.home.tail(LOG));
        }
        self.home.kill();
    }

    /// Stops if it runs, then starts on the same data and the same port.
    ///
    /// # Panics
    /// Where it does not come up.
    pub async fn restart(&mut self) {
        self.stop().await;
        if let Err(reason) = self.run().await {
            panic!("Postgres did not start again: {reason}");
        }
    }

    /// Starts on the same data and the same port without waiting until it answers: for a server that must not come to answer.
    ///
    /// # Panics
    /// Where the program isn't there.
    pub fn launch(&mut self) {
        let mut postgres = self.home.command(self.programs.join("postgres"), LOG);
        postgres.args(["-D", "data"]).env("LC_ALL", "C.UTF-8");
        self.process = Some(postgres.spawn().expect("Postgres is installed"));
    }

    /// Stops every process of it where it stands.
    pub fn pause(&self) {
        self.home.pause();
    }

    /// Lets them go on.
    pub fn resume(&self) {
        self.home.resume();
    }

    /// Makes a primary of a standby; returns when it takes writes.
    ///
    /// # Panics
    /// Where it does not become one.
    pub async fn promote(&self) {
        self.execute("SELECT pg_promote(true, 60)")
            .await
            .expect("a standby is promoted");
        self.until_true("SELECT NOT pg_is_in_recovery()", &[]).await;
    }

    /// Runs one statement on the database `postgres`.
    ///
    /// # Errors
    /// As the server says.
    pub async fn execute(&self, sql: &str) -> Result<(), sqlx::Error> {
        let mut connection = PgConnection::connect(&self.url("postgres")).await?;
        sqlx::raw_sql(sql).execute(&mut connection).await?;
        connection.close().await
    }

    /// Asks a database for one number.
    ///
    /// # Panics
    /// Where it gives none.
    pub async fn number(&self, database: &str, sql: &str) -> i64 {
        let mut connection = PgConnection::connect(&self.url(database))
            .await
            .expect("a running server takes a connection");
        let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
        number.expect("the question has one number for an answer")
    }

    /// Asks until the answer is yes.
    async fn until_true(&self, sql: &str, values: &[&str]) {
        let asked = until(PATIENCE, async || {
            let mut connection = PgConnection::connect(&self.url("postgres"))
                .await
                .map_err(|error| error.to_string())?;
            let mut question = sqlx::query_scalar::<_, Option<bool>>(sql);
            for value in values {
                question = question.bind((*value).to_owned());
            }
            match question.fetch_optional(&mut connection).await {
                Ok(Some(Some(true))) => Ok(()),
                Ok(_) => Err("not yet".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        });
        if let Err(reason) = asked.await {
            panic!("gave up on {sql}: {reason}\n{}", self.home.tail(LOG));
        }
    }

    /// Runs for the first time. The port that was free may be taken a moment later: then on another.
    async fn choose_port_and_run(&mut self) {
        let mut reason = String::new();
        for _ in 0..5 {
            self.port = free_port();
            let place = format!(
                "port = {}\nunix_socket_directories = '{}'\n",
                self.port,
                self.home.path().display()
            );
            // The last of several lines counts.
            append(&self.home, "data/postgresql.conf", &place);
            match self.run().await {
                Ok(()) => {
                    notes::used(&self.describe());
                    return;
                }
                Err(problem) => {
                    self.home.kill();
                    reason = problem;
                }
            }
        }
        panic!("Postgres did not start: {reason}");
    }

    /// Starts, and makes sure that the server that answers is this one.
    async fn run(&mut self) -> Result<(), String> {
        self.launch();
        let port = self.port;
        let Some(mut process) = self.process.take() else {
            return Err("it was not launched".to_owned());
        };
        let expected = (
            self.home.path().join("data").display().to_string(),
            process.id(),
        );
        let said = until(PATIENCE, async || {
            if ended(&mut process).is_ok() {
                return Ok(None);
            }
            said(port).await.map(Some)
        })
        .await;
        let tail = self.home.tail(LOG);
        let said = said
            .map_err(|reason| format!("{reason}\n{tail}"))?
            .ok_or_else(|| format!("it ended\n{tail}"))?;
        if (&said.folder, said.process) != (&expected.0, expected.1) {
            self.home.kill();
            process.wait().ok();
            return Err(format!("another server answers on port {port}: {said:?}"));
        }
        if !self.said.system.is_empty() && self.said.system != said.system {
            return Err(format!("the data are another's: {said:?}"));
        }
        self.process = Some(process);
        self.said = said;
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Every server's settings. `fsync` and `synchronous_commit` are on, as they are by default; compiling queries at run time helps none
/// of ours.
const BASE: &str = "listen_addresses = '127.0.0.1'\nmax_connections = 300\njit = off\n\
                    max_replication_slots = 10\nmax_wal_senders = 10\n";

/// The folder of the newest Postgres of this machine.
fn programs() -> Option<PathBuf> {
    let version = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        name.parse::<u32>().ok()
    };
    let installed = std::fs::read_dir("/usr/lib/postgresql").ok();
    let debian = installed
        .into_iter()
        .flatten()
        .flatten()
        .map(|folder| folder.path())
        .filter(|path| path.join("bin/initdb").is_file())
        .max_by_key(|path| version(path));
    if let Some(folder) = debian {
        return Some(folder.join("bin"));
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).find(|folder| folder.join("initdb").is_file())
}

/// Asks whoever listens on the port who it is.
async fn said(port: u16) -> Result<Said, String> {
    const WHO: &str = "SELECT system_identifier::text, split_part(pg_read_file('postmaster.pid'), chr(10), 1)::int, \
        split_part(version(), ' on ', 1), current_setting('data_directory') FROM pg_control_system()";
    let url = format!("postgres://frontrow@127.0.0.1:{port}/postgres");
    let answer = async {
        let mut connection = PgConnection::connect(&url).await?;
        let row: (String, i32, String, String) =
            sqlx::query_as(WHO).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(row)
    };
    let (system, process, version, folder) = answer
        .await
        .map_err(|error: sqlx::Error| error.to_string())?;
    Ok(Said {
        system,
        process: u32::try_from(process).map_err(|error| error.to_string())?,
        version,
        folder,
    })
}

fn append(home: &Home, file: &str, text: &str) {
    use std::io::Write;
    let written = std::fs::OpenOptions::new()
        .append(true)
        .open(home.path().join(file))
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.expect("a new server's settings can be written");
}
