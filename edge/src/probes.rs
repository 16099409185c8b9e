//! `/livez`, `/readyz` and `/metrics`: on every process, outside of the layers.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use axum::{
    Router,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use futures::future::{BoxFuture, FutureExt as _, join_all};
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use crate::{json::Json, layers::method_not_allowed, problem::Problem};

/// Longest wait for one dependency to answer a readiness check.
pub const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// The probes' paths.
pub(crate) const PATHS: [&str; 3] = ["/livez", "/readyz", "/metrics"];
/// When a client that finds the process unready should come back.
const UNREADY_RETRY: Duration = Duration::from_secs(1);

type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// One thing that must answer before the process takes traffic.
#[derive(Clone)]
pub struct Readiness {
    name: &'static str,
    check: Check,
}

impl Readiness {
    /// A check: `Err` says what is wrong, without secrets, for it is shown.
    pub fn new<F, R>(name: &'static str, check: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self {
            name,
            check: Arc::new(move || check().boxed()),
        }
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The probes: alive as long as it answers, ready while every check passes; `render` gives the metrics in Prometheus's form.
pub fn router(
    checks: Vec<Readiness>,
    render: impl Fn() -> String + Clone + Send + Sync + 'static,
) -> Router {
    let checks: Arc<[Readiness]> = checks.into();
    Router::new()
        .route("/livez", get(|| async { Json(json!({"status": "alive"})) }))
        .route("/readyz", get(move || readyz(checks.clone())))
        .route(
            "/metrics",
            get(move || {
                let text = render();
                async move {
                    (
                        [(
                            header::CONTENT_TYPE,
                            "text/plain; version=0.0.4; charset=utf-8",
                        )],
                        text,
                    )
                }
            }),
        )
        .method_not_allowed_fallback(method_not_allowed)
}

async fn readyz(checks: Arc<[Readiness]>) -> Response {
    let results = join_all(checks.iter().map(|readiness| async {
        let result = timeout(CHECK_TIMEOUT, (readiness.check)()).await;
        let result = result.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        (readiness.name, result)
    }))
    .await;
    let ready = results.iter().all(|(_, result)| result.is_ok());
    let checks: Map<String, Value> = results
        .into_iter()
        .map(|(name, result)| {
            (
                name.to_owned(),
                result.err().unwrap_or_else(|| "ok".to_owned()).into(),
            )
        })
        .collect();
    if ready {
        return Json(json!({"status": "ready", "checks": checks})).into_response();
    }
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "not_ready",
        "a dependency does not answer",
    )
    .with("checks", checks)
    .retry_after(UNREADY_RETRY)
    .into_response()
}

#[cfg(test)]
mod tests {
    use axum::{
        body::{Body, to_bytes},
        extract::Request,
    };
    use tower::ServiceExt;

    use super::*;

    async fn ask(checks: Vec<Readiness>, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let router = router(checks, || "up 1\n".to_owned());
        let response = router.oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn every_path_is_a_probe() {
        for path in PATHS {
            assert_eq!(ask(vec![], path).await.0, StatusCode::OK, "{path}");
        }
    }

    #[tokio::test]
    async fn ready_means_that_every_check_passes() {
        let good = Readiness::new("log", || async { Ok(()) });
        let bad = Readiness::new("read_model", || async { Err("it is gone".to_owned()) });
        let (status, body) = ask(vec![good.clone()], "/readyz").await;
        assert_eq!(
            (status, body.contains("\"log\":\"ok\"")),
            (StatusCode::OK, true),
            "{body}"
        );
        let (status, body) = ask(vec![good, bad.clone()], "/readyz").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(body.contains("\"read_model\":\"it is gone\""), "{body}");
        assert_eq!(
            ask(vec![bad], "/livez").await.0,
            StatusCode::OK,
            "unready is not dead"
        );
        assert_eq!(ask(vec![], "/metrics").await.1, "up 1\n");
    }

    #[tokio::test]
    async fn a_probe_that_is_posted_to_is_refused_with_a_problem() {
        let request = Request::post("/livez").body(Body::empty()).unwrap();
        let response = router(vec![], String::new).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "application/problem+json"
        );
        assert!(response.headers().contains_key(header::ALLOW));
    }
}
