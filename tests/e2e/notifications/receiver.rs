//! A server that webhooks call, and that behaves as badly as told.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use servers::Authority;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    sync::Notify,
    task::JoinSet,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

/// One call as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What it does with a call, once it has read it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Behaviour {
    /// Answers with this status.
    Answer(u16),
    /// Answers 204, twice on one connection.
    AnswerTwice,
    /// Ends the connection without an answer.
    Drop,
    /// Answers with a status line that never ends.
    Flood,
    /// Answers nothing until the caller gives up.
    Hang,
}

type Plan = dyn Fn(usize, &Received) -> Behaviour + Send + Sync;

/// A running receiver; it ends with the value.
pub(crate) struct Receiver {
    address: SocketAddr,
    is_secure: bool,
    calls: Arc<Mutex<Vec<Received>>>,
    came: Arc<Notify>,
    _tasks: JoinSet<()>,
}

impl Receiver {
    /// Behaves as `plan` says of each call, by its number from 0.
    pub(crate) async fn start(
        plan: impl Fn(usize, &Received) -> Behaviour + Send + Sync + 'static,
    ) -> Self {
        Self::start_on(Arc::new(plan), None).await
    }

    /// Over TLS, with a certificate of this authority: takes every call.
    pub(crate) async fn start_tls(authority: &Authority) -> Self {
        let tls = TlsAcceptor::from(Arc::new(server(authority)));
        Self::start_on(Arc::new(|_, _| Behaviour::Answer(204)), Some(tls)).await
    }

    async fn start_on(plan: Arc<Plan>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (calls, came) = (
            Arc::<Mutex<Vec<Received>>>::default(),
            Arc::new(Notify::new()),
        );
        let is_secure = tls.is_some();
        let (kept, told) = (calls.clone(), came.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, told, plan) = (kept.clone(), told.clone(), plan.clone());
                let tls = tls.clone();
                open.spawn(async move {
                    match tls {
                        None => serve(stream, &kept, &told, &*plan).await,
                        // Who does not trust the certificate ends the connection here.
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &kept, &told, &*plan).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            address,
            is_secure,
            calls,
            came,
            _tasks: tasks,
        }
    }

    pub(crate) fn url(&self) -> String {
        if self.is_secure {
            let port = self.address.port();
            return format!("https://localhost:{port}/hook?from=frontrow");
        }
        format!("http://{}/hook?from=frontrow", self.address)
    }

    pub(crate) fn calls(&self) -> Vec<Received> {
        self.calls.lock().unwrap().clone()
    }

    /// Waits for a further call since `seen` were counted.
    pub(crate) async fn more_than(&self, seen: usize) {
        loop {
            let came = self.came.notified();
            if self.calls.lock().unwrap().len() > seen {
                return;
            }
            came.await;
        }
    }
}

fn server(authority: &Authority) -> ServerConfig {
    let chain = CertificateDer::pem_file_iter(authority.server_certificate()).unwrap();
    let key = PrivateKeyDer::from_pem_file(authority.server_key()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.map(Result::unwrap).collect(), key)
        .unwrap()
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    calls: &Mutex<Vec<Received>>,
    came: &Notify,
    plan: &Plan,
) {
    let Some(received) = read(&mut stream).await else {
        return;
    };
    let behaviour = {
        let mut calls = calls.lock().unwrap();
        let behaviour = plan(calls.len(), &received);
        calls.push(received);
        behaviour
    };
    came.notify_waiters();
    let answer = |status: u16| format!("HTTP/1.1 {status} So\r\ncontent-length: 2\r\n\r\nok");
    match behaviour {
        Behaviour::Answer(status) => {
            // A redirect leads where nobody must go.
            let text =
                answer(status).replacen("\r\n", "\r\nlocation: http://169.254.169.254/\r\n", 1);
            stream.write_all(text.as_bytes()).await.ok();
        }
        Behaviour::AnswerTwice => {
            let text = answer(204).repeat(2);
            stream.write_all(text.as_bytes()).await.ok();
        }
        Behaviour::Drop => {}
        Behaviour::Flood => {
            let noise = [b'x'; 8_192];
            while stream.write_all(&noise).await.is_ok() {}
        }
        Behaviour::Hang => {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.ok();
        }
    }
}

/// One request; `None` where it breaks off.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Received> {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4_096];
        let count = stream
            .read(&mut chunk)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
        let text = std::str::from_utf8(&bytes).ok()?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let lines = head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "));
        let headers: BTreeMap<_, _> = lines
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        if body.len() == headers.get("content-length")?.parse::<usize>().ok()? {
            let body = body.to_owned();
            return Some(Received { headers, body });
        }
    }
}
