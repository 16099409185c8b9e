//! Limits as clients meet them: through the layers.

use std::time::Duration;

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use chrono::{DateTime, Utc};
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::{
    auth::{Principal, Signer},
    layers::{LayersConfig, apply},
};

const CLIENT: &str = "198.51.100.1";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

/// A server with some limits, and who issues its tokens.
struct Server {
    router: Router,
    signer: Signer,
}

/// Who sends, and what.
#[derive(Clone, Copy)]
struct Call<'a> {
    path: &'a str,
    peer: &'a str,
    forwarded: &'a str,
    token: &'a str,
}

impl Default for Call<'_> {
    fn default() -> Self {
        Self {
            path: "/commands",
            peer: CLIENT,
            forwarded: "",
            token: "",
        }
    }
}

impl Server {
    fn new(config: Config) -> Self {
        Self::bounded(config, &LayersConfig::default())
    }

    fn bounded(config: Config, layers: &LayersConfig) -> Self {
        let folder = std::env::temp_dir().join(format!("frontrow-limits-{}", Uuid::now_v7()));
        let signer = Signer::open(&folder).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let verifier = Verifier::new([signer.public_key()], Arc::new(now));
        let limits = Limits::new(
            Config {
                max_callers: 1_000,
                costly: &["/sign-ins"],
                ..config
            },
            Arc::new(verifier),
        );
        let router = Router::new()
            .route("/commands", post(|_: Json<Value>| async {}))
            .route("/sign-ins", post(|| async {}))
            .route("/queries", get(|| async {}));
        let layers = LayersConfig {
            limits: Some(Arc::new(limits)),
            ..layers.clone()
        };
        Self {
            router: apply(router, &layers),
            signer,
        }
    }

    fn token(&self, role: Role, id: u128) -> String {
        let id = Uuid::from_u128(id);
        let principal = Principal { id, role };
        let ttl = Duration::from_mins(5);
        self.signer.issue(principal, now(), ttl)
    }

    async fn send(&self, call: Call<'_>) -> (StatusCode, HeaderMap, Value) {
        let method = if call.path == "/queries" {
            "GET"
        } else {
            "POST"
        };
        let mut request = Request::builder()
            .method(method)
            .uri(call.path)
            .extension(Peer(call.peer.parse().unwrap()));
        if !call.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", call.token));
        }
        if !call.forwarded.is_empty() {
            request = request.header("x-forwarded-for", call.forwarded);
        }
        // No JSON: whoever gets as far as the body is told so.
        let request = request.body(Body::from("{")).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 10_000).await.unwrap();
        let json = serde_json::from_slice(&body).unwrap_or_default();
        (parts.status, parts.headers, json)
    }

    async fn is_limited(&self, call: Call<'_>) -> bool {
        self.send(call).await.0 == StatusCode::TOO_MANY_REQUESTS
    }
}

#[tokio::test]
async fn a_refusal_says_what_was_exceeded_and_when_to_come_back() {
    let server = Server::new(Config {
        calls_per_address: 100,
        commands_per_customer: 2,
        ..Config::default()
    });
    let token = &*server.token(Role::Customer, 1);
    let call = || Call {
        token,
        ..Call::default()
    };
    let (status, headers, _) = server.send(call()).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "the handler's");
    assert_eq!(
        headers["ratelimit-policy"],
        r#""address";q=100;w=60, "commands";q=2;w=60"#
    );
    assert_eq!(
        headers["ratelimit"],
        r#""address";r=99;t=1, "commands";r=1;t=30"#
    );
    server.send(call()).await;
    let (status, headers, problem) = server.send(call()).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(headers["content-type"], "application/problem+json");
    assert_eq!(headers["retry-after"], "30");
    let limit = headers["ratelimit"].to_str().unwrap();
    assert!(limit.ends_with(r#""commands";r=0;t=30"#), "{limit}");
    assert_eq!(problem["code"], "too_many_requests");
    assert_eq!(
        problem["violated_policies"],
        serde_json::json!(["commands"])
    );
    let other = server.token(Role::Customer, 2);
    let other = Call {
        token: &other,
        ..Call::default()
    };
    assert!(!server.is_limited(other).await, "another customer's");
    let query = Call {
        path: "/queries",
        ..call()
    };
    assert!(!server.is_limited(query).await, "another kind of call");
}

#[tokio::test]
async fn customers_count_wherever_they_are_and_others_do_not() {
    let server = Server::new(Config {
        queries_per_customer: 1,
        ..Config::default()
    });
    let query = |peer, token| Call {
        path: "/queries",
        peer,
        token,
        ..Call::default()
    };
    let customer = server.token(Role::Customer, 1);
    assert!(!server.is_limited(query(CLIENT, &customer)).await);
    assert!(server.is_limited(query("203.0.113.9", &customer)).await);
    let admin = server.token(Role::Admin, 1);
    for token in [&*admin, "nonsense", ""] {
        for _ in 0..3 {
            assert!(!server.is_limited(query(CLIENT, token)).await, "{token}");
        }
    }
}

#[tokio::test]
async fn sign_ins_are_counted_apart_from_other_calls() {
    let server = Server::new(Config {
        sign_ins_per_address: 1,
        ..Config::default()
    });
    let sign_in = |peer| Call {
        path: "/sign-ins",
        peer,
        ..Call::default()
    };
    assert!(!server.is_limited(sign_in(CLIENT)).await);
    assert!(server.is_limited(sign_in(CLIENT)).await);
    assert!(!server.is_limited(sign_in("203.0.113.9")).await);
    assert!(!server.is_limited(Call::default()).await);
}

#[tokio::test]
async fn an_address_counts_as_the_proxies_tell() {
    let server = Server::new(Config {
        calls_per_address: 1,
        trusted_proxies: Networks::read(&["10.0.0.0/8"]).unwrap(),
        exempt: Networks::read(&["127.0.0.0/8"]).unwrap(),
        ..Config::default()
    });
    let from = |peer, forwarded| Call {
        peer,
        forwarded,
        ..Call::default()
    };
    assert!(!server.is_limited(from(CLIENT, "1.1.1.1")).await);
    assert!(server.is_limited(from(CLIENT, "2.2.2.2")).await, "spoofed");
    assert!(
        server.is_limited(from("10.0.0.1", CLIENT)).await,
        "the same"
    );
    let behind = |forwarded| from("10.0.0.1", forwarded);
    assert!(!server.is_limited(behind("192.0.2.1")).await, "another");
    assert!(server.is_limited(behind("3.3.3.3, 192.0.2.1")).await);
    assert!(!server.is_limited(behind("2001:db8::1")).await);
    assert!(server.is_limited(behind("2001:db8::ffff")).await, "its /64");
    for _ in 0..3 {
        assert!(!server.is_limited(from("127.0.0.1", "")).await, "exempt");
        assert!(!server.is_limited(behind("127.0.0.1")).await, "exempt");
        assert!(!server.is_limited(behind("")).await, "nobody knows whose");
    }
}

#[tokio::test]
async fn the_address_is_looked_at_before_the_load_and_the_load_before_the_token() {
    let config = Config {
        calls_per_address: 1,
        commands_per_customer: 1,
        ..Config::default()
    };
    let layers = LayersConfig {
        max_requests_in_flight: 0,
        ..LayersConfig::default()
    };
    let server = Server::bounded(config, &layers);
    let token = server.token(Role::Customer, 1);
    let call = || Call {
        token: &token,
        ..Call::default()
    };
    let (status, headers, _) = server.send(call()).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(headers["ratelimit-policy"], r#""address";q=1;w=60"#);
    assert!(server.is_limited(call()).await);
}
