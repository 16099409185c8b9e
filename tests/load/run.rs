//! Plays one scenario, by `frontrow bench` or by k6.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use clap::ValueEnum;
use serde_json::Value;

use crate::system::System;

/// What can be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Everything at once, at 4,500 calls/s from 730 users
    Mixed,
    /// The same, at a rate that is raised until the system is the limit
    Limit,
    /// Whole purchases, at a rate that is raised likewise
    Journeys,
    /// Everybody wants the same seat
    HotSeat,
    /// Everybody wants a seat of the same row
    HotRow,
    /// The hall is sold
    WholeArena,
    /// 100,000 customers enter a waiting room
    WaitingRoom,
    /// 10,000 streams of a seat map
    Streams,
    /// k6: a ramp to 500 users, and one to 730
    K6,
}

impl Scenario {
    /// Those of a run for which nothing else is said.
    pub(crate) const STANDARD: [Self; 8] = [
        Self::Mixed,
        Self::Limit,
        Self::Journeys,
        Self::HotSeat,
        Self::HotRow,
        Self::WholeArena,
        Self::WaitingRoom,
        Self::Streams,
    ];

    /// As the results name it.
    fn name(self) -> &'static str {
        match self {
            Self::Mixed => "mixed",
            Self::Limit => "limit",
            Self::Journeys => "journeys",
            Self::HotSeat => "hot-seat",
            Self::HotRow => "hot-row",
            Self::WholeArena => "whole-arena",
            Self::WaitingRoom => "waiting-room",
            Self::Streams => "streams",
            Self::K6 => "k6",
        }
    }

    /// As `frontrow bench` calls it, and what it is told.
    fn arguments(self) -> Vec<&'static str> {
        match self {
            Self::Limit => vec!["mixed", "--find-limit", "--seconds", "10"],
            Self::Journeys => vec!["journeys", "--find-limit", "--seconds", "10"],
            Self::Mixed => vec!["mixed", "--seconds", "60"],
            Self::HotSeat | Self::HotRow | Self::WholeArena | Self::WaitingRoom | Self::Streams => {
                vec![self.name()]
            }
            Self::K6 => vec!["prepare", "--rate", "4500", "--seconds", "120"],
        }
    }
}

/// What came of one scenario: the report, or why there is none.
pub(crate) struct Played {
    pub(crate) name: String,
    pub(crate) report: Result<Value, String>,
}

/// Plays it; k6 plays two ramps, each on a scene of its own.
pub(crate) async fn play(
    scenario: Scenario,
    system: &System,
    further: &[String],
    out: &Path,
) -> Vec<Played> {
    println!("{} ...", scenario.name());
    if scenario != Scenario::K6 {
        let mut command = bench(scenario, system);
        command.args(further);
        return vec![Played {
            name: scenario.name().to_owned(),
            report: apart(move || output(command)).await,
        }];
    }
    let mut played = Vec::new();
    for users in [500, 730] {
        let mut prepare = bench(scenario, system);
        prepare.args(further).args(["--users", &users.to_string()]);
        let (scene, report) = (
            out.join("k6-scene.json"),
            out.join(format!("k6-{users}-summary.json")),
        );
        let ramp = move || {
            let told = output(prepare)?;
            fs::write(&scene, told.to_string()).map_err(|error| error.to_string())?;
            summary(k6(&scene, users, &report), &report)
        };
        played.push(Played {
            name: format!("k6-{users}"),
            report: apart(ramp).await,
        });
    }
    played
}

/// The servers are watched by tasks of this process: it must not stand still meanwhile.
async fn apart<F>(work: F) -> Result<Value, String>
where
    F: FnOnce() -> Result<Value, String> + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.unwrap()
}

fn bench(scenario: Scenario, system: &System) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_frontrow"));
    let (pid, queries) = match scenario {
        Scenario::Streams => {
            let (pid, url) = system.streaming();
            (Some(pid), url)
        }
        _ => (system.pid(), system.queries().join(",")),
    };
    command
        .arg("bench")
        .args(scenario.arguments())
        .args(["--output", "json", "--url", &system.commands()])
        .args(["--query-url", &queries])
        .arg("--signing-key")
        .arg(system.key());
    if let Some(pid) = pid {
        command.args(["--server-pid", &pid.to_string()]);
    }
    command
}

fn k6(scene: &Path, users: u32, report: &Path) -> Command {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/load/k6/ramp.js");
    let mut command = Command::new("k6");
    command
        .args(["run", "--quiet", "--no-usage-report"])
        .args(["-e", &format!("SCENE={}", scene.display())])
        .args(["-e", &format!("USERS={users}")])
        .args(["-e", &format!("REPORT={}", report.display())])
        .arg(script);
    command
}

/// The one document that a command prints.
fn output(mut command: Command) -> Result<Value, String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{command:?} does not run: {error}"))?;
    serde_json::from_slice(&output.stdout)
        .map_err(|_| format!("{command:?} ended with {}, without a report", output.status))
}

/// The document that k6 wrote. That it missed a goal is in it.
fn summary(mut command: Command, report: &Path) -> Result<Value, String> {
    fs::remove_file(report).ok();
    let status = command
        .stdout(Stdio::null())
        .status()
        .map_err(|error| format!("{command:?} does not run: {error}"))?;
    let text = fs::read(report)
        .map_err(|error| format!("{command:?} ended with {status}, without a report: {error}"))?;
    serde_json::from_slice(&text).map_err(|error| error.to_string())
}
