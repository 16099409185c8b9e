//! Calling an organizer's server, as Standard Webhooks says: <https://www.standardwebhooks.com>, version 1.
//!
//! ```text
//!  name ─▶ addresses ─▶ those that may be reached ─▶ one connection to exactly that address ─▶ one request ─▶ status
//! ```
//!
//! Nothing of the answer but its status is read; a redirect is an answer like any other.

use std::{pin::pin, sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures::future::{Either, select};
use http_body_util::Full;
use hyper::{
    Request, StatusCode,
    client::conn::http1,
    header::{CONNECTION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;
use url::{Host, Url};
use uuid::Uuid;

use super::{
    Delivery,
    address::{self, Reach},
};
use crate::key_store::Key;

/// Addresses of one name that are tried, one after the other.
const MAX_ADDRESSES: usize = 3;
/// Most bytes of an answer's head; what follows it is not read.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// What we say we are.
const AGENT: &str = concat!("frontrow/", env!("CARGO_PKG_VERSION"));
/// Longest pause that a receiver may ask for by `Retry-After`.
const LONGEST_PAUSE: Duration = Duration::from_hours(6);

/// What the names of webhooks' secrets begin with.
pub const SECRETS: &str = "webhook/";

/// The name of a webhook's secret in the key store.
pub fn secret_name(webhook: Uuid) -> String {
    format!("{SECRETS}{webhook}")
}

/// A secret as its receiver gets it.
pub fn secret_text(key: &Key) -> String {
    format!("whsec_{}", STANDARD.encode(key.expose()))
}

/// The signature of a call: `v1,` and the base64 of HMAC-SHA256 over id, time and body.
pub fn sign(key: &Key, id: Uuid, timestamp: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
    let tag = hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag.as_ref()))
}

/// The body of a call.
pub fn body(delivery: &Delivery) -> String {
    let data: serde_json::Value = serde_json::from_str(&delivery.data).unwrap_or_default();
    let body = serde_json::json!({
        "type": delivery.kind,
        "timestamp": delivery.occurred_at,
        "position": delivery.place.position,
        "data": data,
    });
    body.to_string()
}

/// Why a call did not end well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The URL leads where webhooks must not go, or names nothing.
    #[error("the URL {0}")]
    Address(#[from] address::Error),
    /// The receiver is gone for good: 410.
    #[error("the receiver answered 410 Gone")]
    Gone,
    /// Another answer than success.
    #[error("the receiver answered {status}")]
    Status {
        /// The answer.
        status: u16,
        /// How long the receiver wants to be left alone.
        pause: Option<Duration>,
    },
    /// No answer.
    #[error("the receiver did not answer: {0}")]
    Unanswered(String),
    /// No answer in time.
    #[error("the receiver did not answer in time")]
    TimedOut,
}

/// What connects over TLS, to whom the machine's authorities vouch for.
pub(crate) fn tls() -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        tracing::warn!(errors = ?found.errors, "no certificate authority is trusted: calls over TLS will fail");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// What calls.
#[derive(Clone)]
pub struct Caller {
    tls: TlsConnector,
    reach: Arc<Reach>,
    time_out: Duration,
}

impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller")
            .field("reach", &self.reach)
            .field("time_out", &self.time_out)
            .finish_non_exhaustive()
    }
}

impl Caller {
    /// One that trusts the machine's authorities (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others) and gives up a call after `time_out`.
    ///
    /// # Panics
    /// Never: the provider of cryptography has the versions of TLS that rustls begins with.
    pub fn new(reach: Arc<Reach>, time_out: Duration) -> Self {
        Self {
            tls: tls(),
            reach,
            time_out,
        }
    }

    /// Sends one notification.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn call(
        &self,
        url: &str,
        key: &Key,
        delivery: &Delivery,
        timestamp: i64,
    ) -> Result<(), Failure> {
        let url = self.reach.check(url)?;
        let body = body(delivery);
        let signature = sign(key, delivery.id, timestamp, &body);
        let host = url.host_str().unwrap_or_default();
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let request = Request::post(target)
            .header(HOST, authority)
            .header(CONTENT_TYPE, "application/json")
            .header(CONNECTION, "close")
            .header(USER_AGENT, AGENT)
            .header("webhook-id", delivery.id.to_string())
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(Full::new(Bytes::from(body)))
            .map_err(unanswered)?;
        let answered = timeout(self.time_out, self.send(&url, request)).await;
        answered.unwrap_or(Err(Failure::TimedOut))
    }

    async fn send(&self, url: &Url, request: Request<Full<Bytes>>) -> Result<(), Failure> {
        let stream = self.connect(url).await?;
        if url.scheme() == "http" {
            return exchange(stream, request).await;
        }
        let name = match url.host() {
            Some(Host::Domain(name)) => {
                ServerName::try_from(name.to_owned()).map_err(unanswered)?
            }
            Some(Host::Ipv4(address)) => ServerName::from(std::net::IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => ServerName::from(std::net::IpAddr::V6(address)),
            None => return Err(address::Error::Url.into()),
        };
        let stream = self.tls.connect(name, stream).await.map_err(unanswered)?;
        exchange(stream, request).await
    }

    /// A connection to an address that was checked: the name is not asked again.
    async fn connect(&self, url: &Url) -> Result<TcpStream, Failure> {
        let port = url.port_or_known_default().ok_or(address::Error::Url)?;
        let addresses: Vec<_> = match url.host() {
            Some(Host::Domain(name)) => lookup_host((name, port))
                .await
                .map_err(unanswered)?
                .collect(),
            Some(Host::Ipv4(address)) => vec![(address, port).into()],
            Some(Host::Ipv6(address)) => vec![(address, port).into()],
            None => return Err(address::Error::Url.into()),
        };
        let mut failure = Failure::Unanswered("its name has no address".to_owned());
        for address in self.reach.choose(addresses, MAX_ADDRESSES)? {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = unanswered(error),
            }
        }
        Err(failure)
    }
}

/// One request, and the status that is answered. The connection ends with it.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<(), Failure> {
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(unanswered)?;
    let answer = match select(pin!(sender.send_request(request)), pin!(connection)).await {
        Either::Left((answer, _)) => answer,
        // The connection ended: what it had read is there.
        Either::Right((_, answer)) => answer.await,
    };
    let answer = answer.map_err(unanswered)?;
    match answer.status() {
        status if status.is_success() => Ok(()),
        StatusCode::GONE => Err(Failure::Gone),
        status => {
            let seconds = answer.headers().get(RETRY_AFTER);
            let seconds = seconds.and_then(|text| text.to_str().ok()?.parse().ok());
            let pause = seconds.map(|seconds| Duration::from_secs(seconds).min(LONGEST_PAUSE));
            Err(Failure::Status {
                status: status.as_u16(),
                pause,
            })
        }
    }
}

fn unanswered(error: impl std::fmt::Display) -> Failure {
    Failure::Unanswered(error.to_string())
}

#[cfg(test)]
mod tests {
    use uuid::uuid;

    use super::*;

    #[test]
    fn a_signature_is_what_the_standard_says() {
        let key = Key::new([7; 32]);
        assert_eq!(
            secret_text(&key),
            "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="
        );
        let id = uuid!("f0bdbd87-72c2-52da-9bfe-1cfb1ad90d83");
        let signature = sign(&key, id, 1_700_000_000, r#"{"type":"x"}"#);
        assert_eq!(signature, "v1,A3S9gd7bksSwRfdTh9EnROrUmSJuh3dds8b3TOdvC9Y=");
    }
}
