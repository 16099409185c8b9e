//! Path parameters.

use axum::{extract::FromRequestParts, http::request::Parts};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// Parameters of the path. What can't be read (an id that is no UUID) names nothing: 404 `not_found`.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(_) => Err(Problem::not_found("object: the path names none")),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, extract::Request, http::StatusCode, routing::get};
    use tower::ServiceExt;
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn a_malformed_id_names_nothing() {
        for (path, expected) in [
            ("/shows/not-an-id", StatusCode::NOT_FOUND),
            (
                "/shows/0190a6c2-0000-7000-8000-000000000001",
                StatusCode::OK,
            ),
        ] {
            let router = Router::new().route("/shows/{id}", get(|_: Path<Uuid>| async {}));
            let request = Request::get(path).body(Body::empty()).unwrap();
            assert_eq!(router.oneshot(request).await.unwrap().status(), expected);
        }
    }
}
