//! What a client remembers of its commands.

use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::Value;

/// How long a client waits for an answer: longer than the server does.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a command may take to be settled after the fault.
const PATIENCE: Duration = Duration::from_mins(2);

/// A command and what became of it.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) path: &'static str,
    pub(crate) key: String,
    pub(crate) body: Value,
    pub(crate) at: Instant,
    /// When the answer came, or its absence was noticed.
    pub(crate) answered: Instant,
    pub(crate) answer: Answer,
}

/// What the client knows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    /// It was done, and this was the answer.
    Acknowledged(u16, Value),
    /// A rule refused it: nothing was done.
    Refused(u16, Value),
    /// Nobody took it: nothing was done.
    NotServed,
    /// It may have been done.
    Unknown,
}

/// Sends a command once.
pub(crate) async fn send(client: &Client, base: &str, token: &str, command: &Sent) -> Answer {
    let call = client
        .post(format!("{base}{}", command.path))
        .bearer_auth(token)
        .header("idempotency-key", &command.key)
        .json(&command.body);
    // A proxy sends the commands on one show to one command API.
    let call = match command.body["show_id"].as_str() {
        Some(show) => call.header("show-id", show),
        None => call,
    };
    let response = match call.send().await {
        Ok(response) => response,
        Err(error) if error.is_connect() => return Answer::NotServed,
        Err(_) => return Answer::Unknown,
    };
    let status = response.status().as_u16();
    let Ok(body) = response.bytes().await else {
        return Answer::Unknown;
    };
    let body = serde_json::from_slice::<Value>(&body).ok();
    judge(status, body)
}

/// What an answer says.
fn judge(status: u16, body: Option<Value>) -> Answer {
    match (status, body) {
        // The payment still runs.
        (202, _) => Answer::Unknown,
        (200..=299, Some(body)) => Answer::Acknowledged(status, body),
        (400..=499, Some(body)) => Answer::Refused(status, body),
        (503, Some(body)) if body["outcome"] != "unknown" => Answer::NotServed,
        // The proxy's own: there was nobody to send it to.
        (503, None) => Answer::NotServed,
        _ => Answer::Unknown,
    }
}

/// Repeats a command with its key until its answer is known.
pub(crate) async fn settle(client: &Client, base: &str, token: &str, command: &Sent) -> Answer {
    let end = Instant::now() + PATIENCE;
    loop {
        match send(client, base, token, command).await {
            Answer::NotServed | Answer::Unknown => {}
            known => return known,
        }
        assert!(
            Instant::now() < end,
            "{} {} was not settled",
            command.path,
            command.key
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
