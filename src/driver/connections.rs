//! Kept-alive connections, at most so many, spoken to without a client library's own queues and timers.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, sync::Semaphore, time::timeout};
use tokio_util::task::TaskTracker;

/// An answer that takes longer is given up; the command's outcome is unknown then.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

type Sender = SendRequest<Full<Bytes>>;

/// One HTTP call.
#[derive(Debug, Clone)]
pub struct Call {
    /// Method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// `Authorization` header, ready made, so that a crowd's tokens are formatted once.
    pub authorization: Option<HeaderValue>,
    /// `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// Further headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// JSON; empty for none.
    pub body: Bytes,
}

impl Call {
    /// A GET without more.
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            authorization: None,
            idempotency_key: None,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// A POST of JSON.
    pub fn post(path: impl Into<String>, body: &serde_json::Value) -> Self {
        Self {
            method: Method::POST,
            body: Bytes::from(body.to_string()),
            ..Self::get(path)
        }
    }

    /// The same, on behalf of someone.
    #[must_use]
    pub fn authorized(mut self, authorization: HeaderValue) -> Self {
        self.authorization = Some(authorization);
        self
    }

    /// The same, under a key that makes a repeat recognisable.
    #[must_use]
    pub fn keyed(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone)]
pub enum Failure {
    /// The server can't have seen the call.
    NotSent(String),
    /// The server may have carried it out.
    Unknown(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(why) => write!(f, "not sent: {why}"),
            Self::Unknown(why) => write!(f, "sent, but not answered: {why}"),
        }
    }
}

/// At most `max` connections to one server. Calls beyond wait, and their wait counts as latency.
#[derive(Debug)]
pub struct Connections {
    addr: SocketAddr,
    host: HeaderValue,
    idle: Mutex<Vec<Sender>>,
    permits: Semaphore,
    tasks: TaskTracker,
}

impl Connections {
    /// No connection is opened yet.
    pub fn new(addr: SocketAddr, max: usize) -> Arc<Self> {
        Arc::new(Self {
            addr,
            host: host(addr),
            idle: Mutex::new(Vec::with_capacity(max)),
            permits: Semaphore::new(max),
            tasks: TaskTracker::new(),
        })
    }

    /// Sends a call and reads the whole answer.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn send(&self, call: Call) -> Result<Reply, Failure> {
        let request = self.request(call)?;
        let _permit = self
            .permits
            .acquire()
            .await
            .map_err(|_| Failure::NotSent("closed".to_owned()))?;
        let mut sender = self.sender().await?;
        let exchange = async {
            let response = sender.send_request(request).await?;
            let (parts, body) = response.into_parts();
            Ok((parts, body.collect().await?.to_bytes()))
        };
        let (parts, body) = match timeout(ANSWER_TIMEOUT, exchange).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(failure(&error)),
            Err(_) => return Err(Failure::Unknown("timeout".to_owned())),
        };
        if !sender.is_closed() {
            self.idle().push(sender);
        }
        Ok(Reply {
            status: parts.status,
            headers: parts.headers,
            body,
        })
    }

    fn request(&self, call: Call) -> Result<Request<Full<Bytes>>, Failure> {
        let mut builder = Request::builder()
            .method(call.method)
            .uri(call.path)
            .header(HOST, &self.host);
        if let Some(authorization) = call.authorization {
            builder = builder.header(AUTHORIZATION, authorization);
        }
        if let Some(key) = call.idempotency_key {
            builder = builder.header("idempotency-key", key);
        }
        for (name, value) in call.headers {
            builder = builder.header(name, value);
        }
        if !call.body.is_empty() {
            builder = builder.header(
                CONTENT_TYPE,
                const { HeaderValue::from_static("application/json") },
            );
        }
        builder
            .body(Full::new(call.body))
            .map_err(|error| Failure::NotSent(error.to_string()))
    }

    /// A connection that is ready: the one used last, since the server has had least time to close it; or a new one.
    async fn sender(&self) -> Result<Sender, Failure> {
        loop {
            let Some(mut sender) = self.idle().pop() else {
                return self.connect().await;
            };
            if sender.ready().await.is_ok() {
                return Ok(sender);
            }
        }
    }

    async fn connect(&self) -> Result<Sender, Failure> {
        let not_sent = |error: &dyn fmt::Display| Failure::NotSent(format!("connect: {error}"));
        let stream = TcpStream::connect(self.addr)
            .await
            .map_err(|e| not_sent(&e))?;
        stream.set_nodelay(true).map_err(|e| not_sent(&e))?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|e| not_sent(&e))?;
        self.tasks.spawn(async move {
            // Its error reaches the call that was under way; an idle connection's end is no news.
            let _ = connection.await;
        });
        Ok(sender)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Sender>> {
        self.idle.lock().expect("no holder of this lock can panic")
    }
}

fn host(addr: SocketAddr) -> HeaderValue {
    HeaderValue::from_str(&addr.to_string()).expect("an address is ASCII")
}

fn failure(error: &hyper::Error) -> Failure {
    if error.is_canceled() {
        Failure::NotSent("connection closed".to_owned())
    } else {
        Failure::Unknown(error.to_string())
    }
}
