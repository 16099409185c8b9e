//! `frontrow bench`: loads a running server, and tells what came of it.

use std::process::ExitCode;

use super::print;
use crate::{
    bench::{self, Scenario},
    cli::{Bench, Output},
    config::Settings,
};

pub(super) fn run(
    settings: &Settings,
    arguments: &Bench,
    output: Output,
) -> anyhow::Result<ExitCode> {
    // One thread: it does a multiple of what the server answers on a core, and leaves the server the others.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    if arguments.scenario == Scenario::Prepare {
        let prepared = runtime.block_on(bench::prepare(settings, arguments))?;
        print(&prepared.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let report = runtime.block_on(bench::run(settings, arguments))?;
    match output {
        Output::Text => print(report.to_string().trim_end())?,
        Output::Json => print(&report.to_json().to_string())?,
    }
    Ok(if report.is_sound() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
