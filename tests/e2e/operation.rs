//! Starting, refusing to start, stopping.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use reqwest::Client;
use serde_json::{Value, json};

use crate::harness::{DataFolder, assert_clean};

/// `frontrow serve` in a process of its own, on a free port.
pub(crate) struct Served {
    pub(crate) child: Child,
    pub(crate) base: String,
    pub(crate) banner: Vec<String>,
}

impl Served {
    /// Starts, and reads standard output up to the third curl line.
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    pub(crate) fn start_with(data: &Path, arguments: &[&str]) -> Self {
        Self::start_in(data, arguments, &[])
    }

    /// With further variables of its environment.
    pub(crate) fn start_in(data: &Path, arguments: &[&str], environment: &[(&str, &Path)]) -> Self {
        let mut command = frontrow(data, &["serve", "--listen", "127.0.0.1:0"]);
        let log = std::fs::File::create(data.join("serve.log")).unwrap();
        command.args(arguments).envs(environment.iter().copied());
        command.stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let mut banner = Vec::new();
        let mut curls = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            curls += usize::from(line.contains("curl "));
            banner.push(line);
            if curls == 3 {
                break;
            }
        }
        let base = banner
            .iter()
            .flat_map(|line| line.split_whitespace())
            .find(|word| word.starts_with("http://127.0.0.1:"));
        let base = base
            .unwrap_or_else(|| panic!("no address in {banner:?}"))
            .trim_end_matches('/')
            .to_owned();
        Self {
            child,
            base,
            banner,
        }
    }

    /// Asks it to stop, and waits for its end.
    pub(crate) fn stop(mut self) {
        // The shell's own: a bare Debian has no program of that name.
        let kill = format!("kill -TERM {}", self.child.id());
        let asked = Command::new("bash").args(["-c", &kill]).status().unwrap();
        assert!(asked.success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The program on a data folder.
pub(crate) fn frontrow(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_frontrow"));
    command.args(arguments).arg("--data").arg(data);
    command
}

/// What the program prints, as JSON, and its exit status.
pub(crate) fn run(data: &Path, arguments: &[&str]) -> (i32, Value) {
    let output = frontrow(data, arguments)
        .args(["--output", "json"])
        .output();
    let output = output.unwrap();
    let printed = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        let said = String::from_utf8_lossy(&output.stderr);
        json!({"said": said})
    });
    (output.status.code().unwrap(), printed)
}

/// A token as `frontrow token` prints it.
pub(crate) fn token(data: &Path, role: &str) -> String {
    let output = frontrow(data, &["token", "--role", role]).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

fn refusal(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn sqlite(file: &Path, sql: &str) -> String {
    let output = Command::new("sqlite3").arg(file).arg(sql).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_serves_one_process_at_a_time() {
    let data = DataFolder::new();
    let served = Served::start(&data.0);
    let second = frontrow(&data.0, &["serve", "--listen", "127.0.0.1:0"])
        .output()
        .unwrap();
    let message = refusal(&second);
    assert!(
        message.contains("in use") && message.contains(&served.child.id().to_string()),
        "{message}"
    );
    // Tokens and checks work beside it.
    assert_eq!(token(&data.0, "organizer").split('.').count(), 3);
    assert_clean(&data);
    served.stop();
    Served::start(&data.0).stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_a_newer_schema_is_refused() {
    let data = DataFolder::new();
    Served::start(&data.0).stop();
    let log = data.0.join("log.db");
    sqlite(
        &log,
        "INSERT INTO _sqlx_migrations SELECT 9999, 'from_the_future', installed_on, success, checksum, execution_time FROM _sqlx_migrations LIMIT 1",
    );
    let message = refusal(
        &frontrow(&data.0, &["serve", "--listen", "127.0.0.1:0"])
            .output()
            .unwrap(),
    );
    assert!(
        message.contains("9999") && message.contains("newer"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_its_keys_is_refused() {
    let data = DataFolder::new();
    Served::start(&data.0).stop();
    std::fs::remove_file(data.0.join("keys.db")).unwrap();
    let served = frontrow(&data.0, &["serve", "--listen", "127.0.0.1:0"])
        .output()
        .unwrap();
    let message = refusal(&served);
    assert!(
        message.contains("keys.db") && message.contains("missing"),
        "{message}"
    );
}

/// One line of the log a request, with the trace that its client began.
#[tokio::test(flavor = "multi_thread")]
async fn log_lines_carry_the_trace() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let data = DataFolder::new();
    let config = data.0.join("debug.toml");
    std::fs::write(
        &config,
        "[telemetry]\nfilter = \"debug\"\nformat = \"json\"\n",
    )
    .unwrap();
    let served = Served::start_with(&data.0, &["--config", config.to_str().unwrap()]);
    let call = Client::new().get(format!("{}/v1/concerts", served.base));
    let call = call.header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"));
    assert_eq!(call.send().await.unwrap().status(), 200);
    served.stop();
    let log = std::fs::read_to_string(data.0.join("serve.log")).unwrap();
    let line = log
        .lines()
        .find(|line| line.contains(TRACE))
        .unwrap_or_else(|| panic!("{log}"));
    let line: Value = serde_json::from_str(line).unwrap();
    assert!(line["message"].is_string() && line["level"].is_string());
    assert_eq!(line["spans"][0]["trace_id"], TRACE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_not_synced_fully_is_refused() {
    let data = DataFolder::new();
    let served = frontrow(&data.0, &["serve", "--listen", "127.0.0.1:0"])
        .env("FRONTROW__LOG__SYNCHRONOUS", "normal")
        .output()
        .unwrap();
    let message = refusal(&served);
    assert!(
        message.contains("synchronous") && message.contains("FULL"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_settings_are_refused_by_name() {
    let data = DataFolder::new();
    for (name, value, says) in [
        ("FRONTROW__SERVER__COLOUR", "red", "colour"),
        ("FRONTROW__LOG__URL", "carrier-pigeon:coop", "sqlite:"),
    ] {
        let message = refusal(
            &frontrow(&data.0, &["serve", "--listen", "127.0.0.1:0"])
                .env(name, value)
                .output()
                .unwrap(),
        );
        assert!(message.to_lowercase().contains(says), "{name}: {message}");
    }
    let roles = frontrow(
        &data.0,
        &["serve", "--listen", "127.0.0.1:0", "--roles", "query-api"],
    )
    .output()
    .unwrap();
    assert!(
        refusal(&roles).contains("sqlite:"),
        "{}",
        String::from_utf8_lossy(&roles.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_readable_with_sqlite3() {
    let data = DataFolder::new();
    let served = Served::start(&data.0);
    let log = data.0.join("log.db");
    assert_eq!(
        sqlite(&log, "SELECT max(position) = count(*) FROM events"),
        "1"
    );
    let columns = sqlite(
        &log,
        "SELECT group_concat(name) FROM pragma_table_info('events')",
    );
    for column in [
        "position",
        "shard",
        "epoch",
        "aggregate_type",
        "aggregate_id",
        "sequence",
        "event_id",
        "command_id",
        "routing_key",
        "event_type",
        "event_version",
        "payload",
        "metadata",
        "recorded_at",
    ] {
        assert!(
            columns.split(',').any(|name| name == column),
            "{column} is not in {columns}"
        );
    }
    served.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_finds_what_an_administrator_changed() {
    let data = DataFolder::new();
    Served::start(&data.0).stop();
    let log = data.0.join("log.db");
    sqlite(
        &log,
        "UPDATE events SET payload = replace(payload, '\"seats\":1252', '\"seats\":1251') WHERE event_type = 'ShowScheduled'",
    );
    sqlite(&log, "DELETE FROM events WHERE position = 3");
    let report = frontrow(&data.0, &["audit", "verify", "--output", "json"])
        .output()
        .unwrap();
    assert_eq!(
        report.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&report.stderr)
    );
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert!(!report["findings"].as_array().unwrap().is_empty());
    let nowhere = Command::new(env!("CARGO_BIN_EXE_frontrow"))
        .args(["audit", "verify", "--data", "/nonexistent"])
        .output()
        .unwrap();
    assert_eq!(nowhere.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn healthcheck_tells_whether_it_serves() {
    let data = DataFolder::new();
    let served = Served::start(&data.0);
    let check = |base: &str| {
        Command::new(env!("CARGO_BIN_EXE_frontrow"))
            .args(["healthcheck", "--url", base])
            .status()
            .unwrap()
    };
    assert!(check(&served.base).success());
    let client = Client::new();
    assert_eq!(
        client
            .get(format!("{}/readyz", served.base))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    let base = served.base.clone();
    served.stop();
    assert!(!check(&base).success());
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_can_not_be_written_is_a_failure() {
    let data = DataFolder::new();
    let to = |path: &str| {
        let out = std::fs::File::options().write(true).open(path).unwrap();
        frontrow(&data.0, &["token", "--role", "admin"])
            .stdout(out)
            .output()
            .unwrap()
    };
    assert!(to("/dev/null").status.success());
    let message = refusal(&to("/dev/full"));
    assert!(message.contains("standard output"), "{message}");
}
