//! Load tests: what a running system answers, how fast, and whether what it answered holds together.
//!
//! ```text
//!  Scene ── a hall, shows, customers, through the API        crowd ── an open loop of connections ──▶ Wire ──▶ the system
//!    │                                                         │ Measured: offered, served, latencies by call
//!    └──▶ scenarios/*: who does what ──────────────────────────┴──▶ limit: raise the rate until it falls behind ──▶ Report
//! ```
//!
//! A scenario is a file of [`scenarios`]. None knows what the server is made of: it speaks HTTP, and has the key that signs tokens.

mod crowd;
mod limit;
mod line;
mod machine;
mod report;
mod requests;
mod scenarios;
mod scene;

use std::time::Duration;

use anyhow::{bail, ensure};
use clap::ValueEnum;
use serde_json::Value;

pub use self::{
    crowd::Measured,
    limit::Step,
    machine::Machine,
    report::{Figure, Finding, Report},
};
use self::{machine::processor_time, scenarios as play, scene::Scene};
use crate::{cli::Bench, config::Settings};

/// What 95 of 100 answers are to come within: the source is the project's goal for 730 users.
pub const GOAL: Duration = Duration::from_millis(50);
/// Connections at most unless more are asked for.
const MAX_CONNECTIONS: usize = 1_000;
/// Files that the process has open beside its connections.
const OTHER_FILES: usize = 200;

/// What the crowd does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Everything at once: 60 % seat status, half of it unchanged, 15 % show, 10 % queue position, 10 % hold, 5 % pay
    Mixed,
    /// Whole purchases: hold, pay, see it confirmed; points are charged before
    Journeys,
    /// Everybody wants the same seat
    HotSeat,
    /// Everybody wants a seat of the same row
    HotRow,
    /// Two customers want each seat of the hall, and all are sold
    WholeArena,
    /// A crowd enters one waiting room, and is let in
    WaitingRoom,
    /// Streams: what each takes of the server's memory, and how soon all hear of a change
    Streams,
    /// No load: sets the scene for other tools, and prints what they need as JSON
    Prepare,
}

/// What streams tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Streamed {
    /// The seats of a show: of the query API.
    Seats,
    /// A place in the waiting room: of the command API.
    Queue,
}

impl Scenario {
    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mixed => "mixed",
            Self::Journeys => "journeys",
            Self::HotSeat => "hot-seat",
            Self::HotRow => "hot-row",
            Self::WholeArena => "whole-arena",
            Self::WaitingRoom => "waiting-room",
            Self::Streams => "streams",
            Self::Prepare => "prepare",
        }
    }

    /// Users, and what is offered a second, where nothing is said.
    fn defaults(self) -> (u32, u32) {
        match self {
            Self::Mixed | Self::Prepare => (730, 4_500),
            Self::Journeys => (730, 200),
            Self::HotSeat | Self::HotRow => (5_000, 5_000),
            Self::WholeArena => (1_000, 1_000),
            Self::WaitingRoom => (100_000, 5_000),
            Self::Streams => (10_000, 1_000),
        }
    }
}

/// How big a run is.
#[derive(Debug, Clone, Copy)]
struct Size {
    users: usize,
    connections: usize,
    rate: f64,
    seconds: u64,
}

impl Size {
    fn of(arguments: &Bench) -> Self {
        let (users, rate) = arguments.scenario.defaults();
        let users = arguments.users.unwrap_or(users) as usize;
        let most = match arguments.scenario {
            // A stream is a connection.
            Scenario::Streams => users,
            _ => users.min(MAX_CONNECTIONS),
        };
        let connections = arguments.connections.map_or(most, |wanted| wanted as usize);
        Self {
            users,
            connections: connections.min(users),
            rate: arguments.rate.unwrap_or(rate).into(),
            seconds: arguments.seconds.into(),
        }
    }
}

/// Sets the scene and plays the scenario.
///
/// # Errors
/// What kept it from being played. What it found to be wrong is in the report.
pub async fn run(settings: &Settings, arguments: &Bench) -> anyhow::Result<Report> {
    let searches = matches!(arguments.scenario, Scenario::Mixed | Scenario::Journeys);
    ensure!(
        searches || !arguments.find_limit,
        "--find-limit raises the rate of mixed and journeys; {} has none to raise",
        arguments.scenario.name()
    );
    let size = Size::of(arguments);
    machine::allow_files((size.connections + OTHER_FILES) as u64)?;
    let mut scene = Scene::of(arguments, settings)?;
    let before = arguments.server_pid.map(processor_time).transpose()?;
    let mut report = match arguments.scenario {
        Scenario::Mixed => play::mixed::run(&mut scene, size, arguments.find_limit).await?,
        Scenario::Journeys => play::journeys::run(&mut scene, size, arguments.find_limit).await?,
        Scenario::HotSeat => play::rush::run(&mut scene, size, play::rush::Goal::Seat).await?,
        Scenario::HotRow => play::rush::run(&mut scene, size, play::rush::Goal::Row).await?,
        Scenario::WholeArena => play::whole_arena::run(&mut scene, size).await?,
        Scenario::WaitingRoom => play::waiting_room::run(&mut scene, size, arguments.admit).await?,
        Scenario::Streams => {
            let of = (arguments.stream, arguments.server_pid);
            play::streams::run(&mut scene, size, of).await?
        }
        Scenario::Prepare => bail!("there is no load to report of"),
    };
    report.scenario = arguments.scenario.name();
    if let (Some(pid), Some(before)) = (arguments.server_pid, before) {
        let taken = processor_time(pid)?.saturating_sub(before);
        report.figures.push(Figure {
            what: "processor time of the server, preparations included",
            value: taken.as_secs_f64(),
            unit: "s",
        });
    }
    Ok(report)
}

/// Sets the scene for other tools.
///
/// # Errors
/// What kept it from being set.
pub async fn prepare(settings: &Settings, arguments: &Bench) -> anyhow::Result<Value> {
    let mut scene = Scene::of(arguments, settings)?;
    play::prepare::run(&mut scene, Size::of(arguments)).await
}
