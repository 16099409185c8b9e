//! Query parameters.

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// Parameters after `?`. One that can't be read is 400 `invalid_parameter`; one that the type doesn't know is 400
/// `unknown_parameter`, where the type denies them.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match axum::extract::Query::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => {
                let detail = std::error::Error::source(&rejection)
                    .map_or_else(|| rejection.to_string(), ToString::to_string);
                let code = if detail.contains("unknown field") {
                    "unknown_parameter"
                } else {
                    "invalid_parameter"
                };
                Err(Problem::new(StatusCode::BAD_REQUEST, code, detail))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Page {
        limit: Option<u32>,
    }

    async fn read(uri: &str) -> Result<Query<Page>, Problem> {
        let (mut parts, ()) = Request::get(uri).body(()).unwrap().into_parts();
        Query::from_request_parts(&mut parts, &()).await
    }

    #[tokio::test]
    async fn says_which_parameter_is_wrong() {
        assert_eq!(read("/?limit=5").await.unwrap().0.limit, Some(5));
        assert_eq!(
            read("/?limit=x").await.unwrap_err().code(),
            "invalid_parameter"
        );
        let problem = read("/?colour=red").await.unwrap_err();
        assert_eq!(problem.code(), "unknown_parameter");
        assert!(problem.detail().contains("colour"), "{}", problem.detail());
    }
}
