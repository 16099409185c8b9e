//! The program `frontrow`. Everything it does is in the library beside it.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

/// The allocator of glibc took a fifth of a loaded server's processor time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    frontrow::commands::run(frontrow::cli::Cli::parse())
}
