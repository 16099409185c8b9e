//! The load tests of an on-sale: `tests/run load [SCENARIO...]`, and `--help` for the rest.
//!
//! ```text
//!  for each mode    embedded: one process, SQLite │ distributed: every role, Postgres with standbys, Kafka, Redis, haproxy
//!    start it ─▶ scenario after scenario: frontrow bench, or k6 ─▶ frontrow audit verify ─▶ stop it
//!  then             results.json, results.md, results.svg
//! ```
//!
//! In the build of benchmarks, which is the release build. The load is a process of its own, on the same machine.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

mod chart;
mod results;
mod run;
mod system;

#[path = "../faults/stage.rs"]
#[expect(dead_code, reason = "faults hand a stage on; a load test needs one")]
mod stage;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, ValueEnum};

use self::{results::Results, run::Scenario, system::System};

/// Loads the system in both modes, and writes down what came of it.
#[derive(Debug, Parser)]
#[command(name = "tests/run load")]
struct Arguments {
    /// What to play, in this order [default: everything but k6]
    #[arg(value_enum)]
    scenarios: Vec<Scenario>,
    /// On which system
    #[arg(long, value_enum, default_values_t = [Mode::Embedded, Mode::Distributed], value_delimiter = ',')]
    mode: Vec<Mode>,
    /// Folder of the results
    #[arg(long, value_name = "DIR", default_value_os_t = out())]
    out: PathBuf,
    /// Further arguments of `frontrow bench`
    #[arg(last = true)]
    bench: Vec<String>,
    /// What cargo says to a benchmark
    #[arg(long = "bench", hide = true)]
    _cargo: bool,
}

/// Which system is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// One process with SQLite
    Embedded,
    /// The roles in processes of their own, on real servers
    Distributed,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Distributed => "distributed",
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = Arguments::parse();
    // Cargo puts its word behind everything else.
    arguments.bench.retain(|word| word != "--bench");
    if arguments.scenarios.is_empty() {
        arguments.scenarios = Scenario::STANDARD.to_vec();
    }
    std::fs::create_dir_all(&arguments.out).unwrap();
    let mut results = Results::default();
    for mode in &arguments.mode {
        let Some(system) = System::start(*mode).await else {
            println!("a server is not installed: tests/run installs them");
            return ExitCode::FAILURE;
        };
        results.servers(*mode, system.describe());
        for scenario in &arguments.scenarios {
            let played = run::play(*scenario, &system, &arguments.bench, &arguments.out).await;
            results.add(*mode, played, &arguments.out);
        }
        // Before the check, which may end the run.
        results.write(&arguments.out);
        results.checked(*mode, system.check().await);
    }
    println!("{}", results.write(&arguments.out));
    println!("\nwritten to {}", arguments.out.display());
    if results.are_sound() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Beside what was built.
fn out() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("load")
}
