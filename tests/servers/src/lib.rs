//! The real servers that the tests run against.
//!
//! `tests/run` starts those that all tests share and tells the tests by these variables; a test that finds its variable unset is skipped,
//! and says so. A test that breaks a server starts one of its own: [`Postgres`], [`Kafka`], [`Haproxy`], [`Redis`], [`Smtp`].
//! A [`Cluster`] is the program itself, its roles in processes of their own on these servers.
//!
//! | Variable | What |
//! |---|---|
//! | `FRONTROW_TEST_LOG_URL` | Postgres with a synchronous standby, for the log: an administrator's URL |
//! | `FRONTROW_TEST_READ_MODEL_URL` | Postgres with a streaming replica, for the read model: an administrator's URL |
//! | `FRONTROW_TEST_READ_MODEL_REPLICA_URL` | That replica |
//! | `FRONTROW_TEST_REDIS_URL` | Redis, for the waiting room |
//! | `FRONTROW_TEST_KAFKA` | Kafka's bootstrap servers |
//! | `FRONTROW_TEST_KAFKA_MOCK` | Set where these are librdkafka's mock cluster |
//! | `FRONTROW_TEST_SKIPPED` | A file to which each skipped test adds a line |
//! | `FRONTROW_TEST_USED` | A file to which each server adds a line when it is started |
//! | `FRONTROW_TEST_FAULTS` | A file to which each round of a fault adds a line |
//! | `FRONTROW_TEST_DROPS` | A file to which each drop with a crowd adds a line |

mod authority;
mod cluster;
mod database;
mod haproxy;
mod home;
mod kafka;
mod notes;
mod postgres;
mod redis;
mod smtp;
mod wait;

pub use authority::Authority;
pub use cluster::{Cluster, Extra, Layout, Stores};
pub use database::{Database, log_database, read_model_database};
pub use haproxy::Haproxy;
pub use home::Home;
pub use kafka::Kafka;
pub use notes::{crowd, fault, skip};
pub use postgres::{Options, Postgres, StandbyOptions};
pub use redis::Redis;
pub use smtp::Smtp;

/// Where Kafka listens, for a test that librdkafka's mock cluster serves as well; a run against that is noted as skipped all the same.
/// `None`, and a note that `test` was skipped, where there is neither. Topics are shared: give yours unique names.
pub fn kafka(test: &str) -> Option<String> {
    if mocked() {
        skip(test, "it ran against the mock cluster, not Apache Kafka");
    }
    variable("FRONTROW_TEST_KAFKA", test)
}

/// Where Apache Kafka listens; `None`, and a note that `test` was skipped, where there is none or only the mock cluster.
pub fn apache_kafka(test: &str) -> Option<String> {
    if mocked() {
        skip(test, "the mock cluster does not do it");
        return None;
    }
    variable("FRONTROW_TEST_KAFKA", test)
}

/// Where Redis is; `None`, and a note that `test` was skipped, where there is none. It is shared: keep to keys of your own.
pub fn redis(test: &str) -> Option<String> {
    variable("FRONTROW_TEST_REDIS_URL", test)
}

fn mocked() -> bool {
    std::env::var_os("FRONTROW_TEST_KAFKA_MOCK").is_some_and(|value| !value.is_empty())
}

/// The value of a variable, or a note that `test` is skipped for want of it.
fn variable(name: &str, test: &str) -> Option<String> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    if value.is_none() {
        skip(test, &format!("{name} is not set"));
    }
    value
}
