//! Public beacons: asked for the value of the round that a drop waits for, in the JSON of drand.
//!
//! ```text
//!  GET URL/public/ROUND ─▶ {"round", "randomness", "signature"} ─▶ the round that was asked for?   randomness = SHA-256(signature)?
//! ```
//!
//! Whether the beacon's own key signed it is not checked here: that takes a pairing of elliptic curves, for which no program of ours vouches.
//! The signature is recorded with the value and published in the proof, so anybody can check it by drand's own program (decision 0038).

use std::{
    collections::HashMap,
    fmt,
    pin::pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use futures::future::{Either, select};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    Request, StatusCode,
    client::conn::http1,
    header::{ACCEPT, CONNECTION, HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use url::Url;

use crate::notifications::webhook;

/// How long one place may take to answer.
const TIME_OUT: Duration = Duration::from_secs(10);
/// Most bytes of an answer; drand's have some 400.
const MAX_ANSWER_BYTES: usize = 16 * 1024;
/// Longest signature, in hexadecimal: drand's have 96 or 192 digits.
const MAX_SIGNATURE_DIGITS: usize = 256;
/// Until a round that is not there yet is asked for again: as long as quicknet needs for one.
const NOT_YET: Duration = Duration::from_secs(3);
/// Until a beacon that answered nothing that can be used is asked again.
const UNSOUND: Duration = Duration::from_secs(30);
/// Until it is looked again whether the organizer has told the value of a beacon that nobody is asked for. That is told by the drop's timer, too.
const NOBODY: Duration = Duration::from_mins(10);
/// What we say we are.
const AGENT: &str = concat!("frontrow/", env!("CARGO_PKG_VERSION"));

/// A beacon that can't be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A name is empty.
    #[error("a beacon at {0} has no name")]
    Name(String),
    /// A URL can't be asked.
    #[error("{0:?} is no http or https URL of a host")]
    Url(String),
}

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The value, and what it is the SHA-256 of, both in hexadecimal.
    Value { value: String, signature: String },
    /// Ask again after a pause.
    Later(Duration),
}

/// The beacons that are asked, by the names that drops use. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Beacons(Arc<Inner>);

#[derive(Default)]
struct Inner {
    places: HashMap<String, Vec<Url>>,
    tls: OnceLock<TlsConnector>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beacons")
            .field("places", &self.places)
            .finish_non_exhaustive()
    }
}

/// Why a place did not tell the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("the round is not there yet")]
    NotYet,
    #[error("the beacon does not answer: {0}")]
    Unanswered(String),
    #[error("the beacon answers {0}")]
    Status(StatusCode),
    #[error("the beacon's answer is not to be used: {0}")]
    Unsound(&'static str),
}

/// An answer of drand's. More is in it.
#[derive(Debug, Deserialize)]
struct Published {
    round: u64,
    randomness: String,
    signature: String,
}

impl Beacons {
    /// Those with these names at these URLs, of one name in their order.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn new(named: &[(String, String)]) -> Result<Self, SettingsError> {
        let mut places: HashMap<String, Vec<Url>> = HashMap::new();
        for (name, url) in named {
            if name.is_empty() {
                return Err(SettingsError::Name(url.clone()));
            }
            let parsed = Url::parse(url).ok();
            let parsed =
                parsed.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            let parsed = parsed.ok_or_else(|| SettingsError::Url(url.clone()))?;
            places.entry(name.clone()).or_default().push(parsed);
        }
        Ok(Self(Arc::new(Inner {
            places,
            ..Inner::default()
        })))
    }

    /// Asks for the value of a round.
    pub(super) async fn ask(&self, source: &str, round: u64) -> Answer {
        let Some(places) = self.0.places.get(source) else {
            return Answer::Later(NOBODY);
        };
        let mut pause = NOT_YET;
        for place in places {
            let asked = timeout(TIME_OUT, self.fetch(place, round)).await;
            let in_time = || Err(Problem::Unanswered("not in time".to_owned()));
            match asked.unwrap_or_else(|_| in_time()) {
                Ok(published) => {
                    return Answer::Value {
                        value: published.randomness,
                        signature: published.signature,
                    };
                }
                Err(Problem::NotYet) => {
                    tracing::debug!(source, round, "the round is not there yet");
                }
                Err(problem) => {
                    tracing::warn!(source, round, host = place.host_str(), %problem, "a beacon can't be used now");
                    pause = UNSOUND;
                }
            }
        }
        Answer::Later(pause)
    }

    async fn fetch(&self, place: &Url, round: u64) -> Result<Published, Problem> {
        let url = format!("{}/public/{round}", place.as_str().trim_end_matches('/'));
        let url = Url::parse(&url).map_err(unanswered)?;
        let (host, port) = (url.host_str(), url.port_or_known_default());
        let (Some(host), Some(port)) = (host, port) else {
            return Err(unanswered("the URL names no host"));
        };
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let request = Request::get(target)
            .header(HOST, authority)
            .header(ACCEPT, "application/json")
            .header(CONNECTION, "close")
            .header(USER_AGENT, AGENT)
            .body(Empty::new())
            .map_err(unanswered)?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((bare, port)).await.map_err(unanswered)?;
        let body = if url.scheme() == "http" {
            exchange(stream, request).await?
        } else {
            let name = ServerName::try_from(bare.to_owned()).map_err(unanswered)?;
            let tls = self.0.tls.get_or_init(webhook::tls);
            let stream = tls.connect(name, stream).await.map_err(unanswered)?;
            exchange(stream, request).await?
        };
        check(&body, round)
    }
}

/// One request, and the whole of its answer.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Empty<Bytes>>,
) -> Result<Bytes, Problem> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(unanswered)?;
    let answer = async {
        let answer = sender.send_request(request).await.map_err(unanswered)?;
        match answer.status() {
            StatusCode::OK => {}
            // drand answers one of these of a round to come.
            StatusCode::NOT_FOUND | StatusCode::TOO_EARLY => return Err(Problem::NotYet),
            status => return Err(Problem::Status(status)),
        }
        let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect();
        let body = body.await.map_err(unanswered)?;
        Ok(body.to_bytes())
    };
    match select(pin!(answer), pin!(connection)).await {
        Either::Left((answer, _)) => answer,
        // The connection ended: what it had read is there.
        Either::Right((_, answer)) => answer.await,
    }
}

/// What can be checked without the beacon's key.
fn check(body: &[u8], round: u64) -> Result<Published, Problem> {
    let published: Published =
        serde_json::from_slice(body).map_err(|_| Problem::Unsound("it is not drand's JSON"))?;
    if published.round != round {
        return Err(Problem::Unsound("it is another round"));
    }
    if published.signature.len() > MAX_SIGNATURE_DIGITS {
        return Err(Problem::Unsound("its signature is too long"));
    }
    let signature = hex::decode(&published.signature)
        .ok()
        .filter(|bytes| !bytes.is_empty() && hex::encode(bytes) == published.signature);
    let Some(signature) = signature else {
        return Err(Problem::Unsound("its signature is not hexadecimal"));
    };
    if hex::encode(digest(&SHA256, &signature).as_ref()) != published.randomness {
        return Err(Problem::Unsound(
            "its value is not the SHA-256 of its signature",
        ));
    }
    Ok(published)
}

fn unanswered(error: impl fmt::Display) -> Problem {
    Problem::Unanswered(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A round of drand's, as it was published: SHA-256 of the signature is its value.
    fn published(round: u64, signature: &str) -> String {
        let value = hex::decode(signature).unwrap_or_default();
        let value = hex::encode(digest(&SHA256, &value).as_ref());
        format!(
            r#"{{"round":{round},"randomness":"{value}","signature":"{signature}","previous_signature":"00"}}"#
        )
    }

    #[test]
    fn only_what_was_signed_for_this_round_is_used() {
        let sound = published(7, "5e5e");
        let read = check(sound.as_bytes(), 7).unwrap();
        assert_eq!(
            (read.signature.as_str(), read.randomness.len()),
            ("5e5e", 64)
        );
        let refused = |body: &str| check(body.as_bytes(), 7).unwrap_err().to_string();
        assert!(refused(&published(8, "5e5e")).contains("another round"));
        assert!(refused(&sound.replace("5e5e", "5f5f")).contains("SHA-256"));
        assert!(refused(&published(7, "5E5E")).contains("hexadecimal"));
        assert!(refused(&published(7, "")).contains("hexadecimal"));
        assert!(refused(&published(7, &"5e".repeat(200))).contains("too long"));
        assert!(refused("{}").contains("JSON"));
    }

    /// The first round of drand's default chain, as it is published at `/public/1`.
    #[test]
    fn what_drand_published_is_used() {
        let first = r#"{"round":1,"randomness":"101297f1ca7dc44ef6088d94ad5fb7ba03455dc33d53ddb412bbc4564ed986ec",
            "signature":"8d61d9100567de44682506aea1a7a6fa6e5491cd27a0a0ed349ef6910ac5ac20ff7bc3e09d7c046566c9f7f3c6f3b10104990e7cb424998203d8f7de586fb7fa5f60045417a432684f85093b06ca91c769f0e7ca19268375e659c2a2352b4655",
            "previous_signature":"176f93498eac9ca337150b46d21dd58673ea4e3581185f869672e59fa4cb390a"}"#;
        assert!(check(first.as_bytes(), 1).is_ok());
    }

    #[tokio::test]
    async fn a_beacon_that_nobody_is_asked_for_is_left_to_the_organizer() {
        let answer = Beacons::default().ask("drand quicknet", 7).await;
        assert_eq!(answer, Answer::Later(NOBODY));
    }
}
