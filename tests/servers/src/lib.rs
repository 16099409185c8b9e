//! The real servers that the tests run against.
//!
//! `tests/run` starts them and tells the tests by these variables; a test that finds its variable unset is skipped, and says so.
//!
//! | Variable | What |
//! |---|---|
//! | `FRONTROW_TEST_LOG_URL` | Postgres with a synchronous standby, for the log: an administrator's URL |
//! | `FRONTROW_TEST_READ_MODEL_URL` | Postgres with a streaming replica, for the read model: an administrator's URL |
//! | `FRONTROW_TEST_READ_MODEL_REPLICA_URL` | That replica |
//! | `FRONTROW_TEST_KAFKA` | Kafka's bootstrap servers |
//! | `FRONTROW_TEST_KAFKA_MOCK` | Set where these are librdkafka's mock cluster |
//! | `FRONTROW_TEST_SKIPPED` | A file to which each skipped test adds a line |

mod database;

pub use database::{Database, log_database, read_model_database};

/// Where Kafka listens; `None`, and a note that `test` was skipped, where there is none. Topics are shared: give yours unique names.
pub fn kafka(test: &str) -> Option<String> {
    variable("FRONTROW_TEST_KAFKA", test)
}

/// The value of a variable, or a note that `test` is skipped for want of it.
fn variable(name: &str, test: &str) -> Option<String> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    if value.is_none() {
        skip(test, name);
    }
    value
}

/// Notes that a test was skipped.
fn skip(test: &str, why: &str) {
    use std::io::Write;
    let line = format!("skipped: {test}: {why} is not set\n");
    // Straight to standard error: what a test prints is shown only when it fails.
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Ok(path) = std::env::var("FRONTROW_TEST_SKIPPED")
        && let Ok(mut file) = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
    {
        let _ = file.write_all(line.as_bytes());
    }
}
