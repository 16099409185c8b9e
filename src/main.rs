//! The program `frontrow`. Everything it does is in the library beside it.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    frontrow::commands::run(frontrow::cli::Cli::parse())
}
