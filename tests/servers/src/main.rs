//! `servers run -- COMMAND...` starts the servers that all tests share, and runs the tests. `servers mock-kafka` is librdkafka's mock
//! cluster in a process of its own.

mod output;
mod run;
mod shared;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let words: Vec<_> = arguments.iter().filter_map(|word| word.to_str()).collect();
    match words.as_slice() {
        ["run", "--", _, ..] => run::run(&arguments[2..]).await,
        ["mock-kafka"] => shared::mock_kafka(),
        _ => {
            eprintln!("usage: servers run -- COMMAND... | servers mock-kafka");
            ExitCode::from(2)
        }
    }
}
