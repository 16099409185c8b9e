//! Runs a command among the shared servers, and reports which real servers its tests used and which tests were skipped.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fmt::Write,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, ExitCode, ExitStatus, Stdio},
};

use servers::Home;

use crate::{output::Summary, shared::Shared};

/// What is told of each round of a fault.
const FAULTS: &str =
    "fault\tacknowledged before\tafter\tnot served\tunknown\tlost\tfirst acknowledged after";
/// What is told of each drop with a crowd.
const DROPS: &str = "drop\tentries\twins\texpected\tstock left\tanswered once\tkills\trepeated\tentered in\tdrawn and paid in\ttold in";

/// Runs the command to its end. The answer is its exit status.
pub(crate) async fn run(command: &[OsString]) -> ExitCode {
    let notes = Home::new("tests");
    let note = |name: &str| notes.path().join(name);
    let (skipped, used) = (note("skipped"), note("used"));
    let (faults, drops) = (note("faults"), note("drops"));
    let shared = Shared::start().await;
    let servers = shared.describe();
    let started = Command::new(&command[0])
        .args(&command[1..])
        .envs(shared.variables())
        .env("FRONTROW_TEST_SKIPPED", &skipped)
        .env("FRONTROW_TEST_USED", &used)
        .env("FRONTROW_TEST_FAULTS", &faults)
        .env("FRONTROW_TEST_DROPS", &drops)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            eprintln!("servers: {} does not run: {error}", command[0].display());
            return ExitCode::FAILURE;
        }
    };
    let (child, summary) = tokio::task::spawn_blocking(move || {
        let summary = Summary::of(&mut child);
        (child.wait(), summary)
    })
    .await
    .expect("a reader of lines does not panic");
    let report = report(&servers, &lines(&used), &shared.missing, &lines(&skipped));
    eprint!("{report}{}{}", table(FAULTS, &faults), table(DROPS, &drops));
    drop(shared);
    summary.write();
    child.map_or(ExitCode::FAILURE, exit_code)
}

/// As a shell does for a command that a signal ended.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    let code = code.and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

/// The lines of a file of notes, each once; a file that isn't there has none.
fn lines(file: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn report(
    shared: &[String],
    own: &BTreeSet<String>,
    missing: &[String],
    skipped: &BTreeSet<String>,
) -> String {
    let mut report = String::new();
    let mut list = |title: &str, lines: &mut dyn Iterator<Item = &String>| {
        let lines: Vec<_> = lines.collect();
        let none = if lines.is_empty() { " none" } else { "" };
        writeln!(report, "{title}:{none}").expect("a string takes a line");
        for line in lines {
            writeln!(report, "    {line}").expect("a string takes a line");
        }
    };
    list("real servers that the tests shared", &mut shared.iter());
    list(
        "real servers that tests started for themselves",
        &mut own.iter(),
    );
    if !missing.is_empty() {
        list("servers that could not be had", &mut missing.iter());
    }
    list(
        "tests skipped for want of a real server",
        &mut skipped.iter(),
    );
    report
}

/// The rounds of a kind in columns, in the order in which they ran; nothing where there was none.
fn table(head: &str, file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let rows: Vec<Vec<&str>> = std::iter::once(head)
        .chain(text.lines())
        .map(|line| line.split('\t').collect())
        .collect();
    if rows.len() == 1 {
        return String::new();
    }
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let mut table = String::new();
    for row in &rows {
        for (column, cell) in row.iter().enumerate() {
            let width = width(column);
            // What is counted stands to the right.
            if column == 0 {
                write!(table, "{cell:<width$}").expect("a string takes a cell");
            } else {
                write!(table, "  {cell:>width$}").expect("a string takes a cell");
            }
        }
        table.push('\n');
    }
    table
}
