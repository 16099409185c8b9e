//! What the program does, one command a file. Each answers with the process's exit status.

mod acts;
mod as_of;
mod asyncapi;
mod bench;
mod customer;
mod demo;
mod export;
mod healthcheck;
mod history;
mod import;
mod keys;
mod migrate;
mod openapi;
mod projections;
mod prove;
mod replay;
mod seal;
mod serve;
mod token;
mod verify;
mod verify_draw;
mod verify_proof;

use std::{
    io::{ErrorKind, Write},
    process::ExitCode,
};

use anyhow::Context;
use tokio::runtime::{Builder, Runtime};

use crate::{
    cli::{Audit, Cli, Command, Migrate, Serve},
    config::{Overrides, Settings},
};

pub use self::openapi::document as openapi_document;

/// Runs what the command line asks for. Results go to standard output, everything else to standard error.
pub fn run(cli: Cli) -> ExitCode {
    // Whoever automates `audit verify` tells "could not run" from "findings".
    let failure = match &cli.command {
        Some(Command::Audit(_)) => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    };
    match dispatch(cli) {
        Ok(status) => status,
        Err(error) => {
            // There is nobody left to tell when standard error is gone.
            let _ = writeln!(std::io::stderr(), "frontrow: {error:#}");
            failure
        }
    }
}

fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    let overrides = cli.overrides();
    let output = cli.output;
    match cli.command.unwrap_or(Command::Serve(Serve::default())) {
        Command::Serve(arguments) => serve::run(Settings::load(overrides)?, &arguments),
        Command::Token(arguments) => token::run(&Settings::load(overrides)?, &arguments),
        Command::Demo(arguments) => {
            let data = overrides.data.clone();
            demo::run(Settings::load(overrides)?, data, &arguments, output)
        }
        Command::Bench(arguments) => bench::run(&Settings::load(overrides)?, &arguments, output),
        Command::Audit(Audit::Verify(arguments)) => {
            verify::run(&Settings::load(overrides)?, &arguments, output)
        }
        Command::Audit(Audit::History(arguments)) => {
            history::run(&Settings::load(overrides)?, &arguments, output)
        }
        Command::Audit(Audit::AsOf(arguments)) => {
            as_of::run(&Settings::load(overrides)?, &arguments, output)
        }
        Command::Audit(Audit::VerifyDraw(arguments)) => verify_draw::run(&arguments, output),
        Command::Audit(Audit::Seal(arguments)) => {
            seal::run(&Settings::load(overrides)?, &arguments, output)
        }
        Command::Audit(Audit::Prove(arguments)) => {
            prove::run(&Settings::load(overrides)?, &arguments)
        }
        Command::Audit(Audit::Export(arguments)) => {
            export::run(&Settings::load(overrides)?, &arguments, output)
        }
        Command::Audit(Audit::Import(arguments)) => {
            import::run(&Settings::load(overrides)?, &arguments, output)
        }
        Command::Audit(Audit::VerifyProof(arguments)) => verify_proof::run(&arguments, output),
        Command::Replay(arguments) => replay::run(&Settings::load(overrides)?, &arguments, output),
        Command::Projections(command) => {
            projections::run(&Settings::load(overrides)?, &command, output)
        }
        Command::Openapi => openapi::run(),
        Command::Asyncapi => asyncapi::run(),
        Command::Migrate(Migrate { from, to }) => {
            let new = Overrides {
                config: Some(to),
                ..Overrides::default()
            };
            let old = Overrides {
                data: Some(from),
                ..overrides
            };
            migrate::run(&Settings::load(old)?, &Settings::load(new)?, output)
        }
        Command::Customer(command) => customer::run(&Settings::load(overrides)?, &command, output),
        Command::Keys(arguments) => keys::run(&Settings::load(overrides)?, &arguments),
        Command::Healthcheck(arguments) => {
            healthcheck::run(&Settings::load(overrides)?, &arguments)
        }
    }
}

/// Prints a result. A reader that has gone away is no failure; a full disk is.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("the result can't be written to standard output")
        }
        _ => Ok(()),
    }
}

/// The runtime of a command, with a thread for each processor.
fn runtime() -> anyhow::Result<Runtime> {
    runtime_of(0)
}

/// A runtime of so many threads; of 0, with one for each processor.
fn runtime_of(threads: usize) -> anyhow::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if threads > 0 {
        builder.worker_threads(threads);
    }
    builder
        .enable_all()
        .build()
        .context("the threads that do the work were not started")
}
