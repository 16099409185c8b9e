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

/// Runs the command to its end. The answer is its exit status.
pub(crate) async fn run(command: &[OsString]) -> ExitCode {
    let notes = Home::new("tests");
    let (skipped, used) = (notes.path().join("skipped"), notes.path().join("used"));
    let shared = Shared::start().await;
    let servers = shared.describe();
    let started = Command::new(&command[0])
        .args(&command[1..])
        .envs(shared.variables())
        .env("FRONTROW_TEST_SKIPPED", &skipped)
        .env("FRONTROW_TEST_USED", &used)
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
    eprint!("{report}");
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
