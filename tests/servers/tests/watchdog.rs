//! A test process that is killed leaves no server behind.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use servers::{Options, Postgres};

const HOLDS: &str = "FRONTROW_TEST_HOLDS_A_SERVER";

/// Not a test of its own: the process that the other one kills.
#[tokio::test]
async fn holds_a_server() {
    if std::env::var_os(HOLDS).is_none() {
        return;
    }
    let server = Postgres::start("a killed test", Options::default()).await;
    println!("\nholds {}", server.as_ref().map_or(0, Postgres::pid));
    std::future::pending::<()>().await;
}

#[test]
fn a_killed_test_leaves_no_server() {
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holds_a_server", "--nocapture"])
        .env(HOLDS, "yes")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(holder.stdout.take().unwrap()).lines();
    let server = said
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("holds ").map(str::to_owned))
        .unwrap();
    let server = format!("/proc/{server}/cwd");
    // Where Postgres isn't installed there is nothing to leave behind.
    let folder = std::fs::read_link(&server).unwrap_or_default();
    holder.kill().unwrap();
    holder.wait().unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    while folder.exists() || Path::new(&server).exists() {
        assert!(Instant::now() < end, "{} is still there", folder.display());
        std::thread::yield_now();
    }
}
