//! `/schemas`: what the records on the bus look like, for programs that read them.

use std::{collections::BTreeMap, sync::Arc};

use aws_lc_rs::digest;
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use utoipa::{OpenApi, ToSchema};

use crate::{path::Path, problem::Problem, problem::ProblemBody};

/// A version may gain optional fields with a new release: whoever keeps one asks again after an hour.
const KEEP: HeaderValue = HeaderValue::from_static("public, max-age=3600");

/// Media type of a JSON Schema.
const SCHEMA: HeaderValue = HeaderValue::from_static("application/schema+json");

/// One version of what a record carries.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// As the header `ce_type` names it.
    pub kind: String,
    /// As the header `event_version` does.
    pub version: String,
    /// The JSON Schema, with `title` and `description`.
    pub schema: Value,
}

/// Where one version is served.
pub fn path(kind: &str, version: &str) -> String {
    format!("/schemas/{kind}/{version}")
}

/// The list of all schemas.
#[derive(Debug, Serialize, ToSchema)]
struct SchemaList {
    /// By type and version.
    schemas: Vec<SchemaSummary>,
}

/// Where a schema is.
#[derive(Debug, Serialize, ToSchema)]
struct SchemaSummary {
    /// The event's type: the header `ce_type` of its records.
    #[serde(rename = "type")]
    kind: String,
    /// The event's version: the header `event_version` of its records.
    version: String,
    /// What happened.
    description: String,
    /// Where its JSON Schema is.
    url: String,
}

/// Bytes that are served as they are.
#[derive(Debug)]
struct Document {
    media_type: HeaderValue,
    tag: HeaderValue,
    bytes: Bytes,
}

#[derive(Debug, Clone)]
struct Documents {
    list: Arc<Document>,
    schemas: Arc<BTreeMap<(String, String), Document>>,
}

/// Serves the list and each schema. They are the same for everybody, so that nobody needs a token.
pub fn router(published: &[Published]) -> Router {
    let schemas = published
        .iter()
        .map(|one| {
            let key = (one.kind.clone(), one.version.clone());
            (key, Document::new(SCHEMA, &one.schema))
        })
        .collect();
    let documents = Documents {
        list: Arc::new(Document::new(
            HeaderValue::from_static("application/json"),
            &list(published),
        )),
        schemas: Arc::new(schemas),
    };
    Router::new()
        .route("/schemas", get(list_schemas))
        .route("/schemas/{type}/{version}", get(get_schema))
        .with_state(documents)
}

/// The description of both calls.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Calls::openapi()
}

#[derive(OpenApi)]
#[openapi(paths(list_schemas, get_schema), components(schemas(ProblemBody)))]
struct Calls;

fn list(published: &[Published]) -> SchemaList {
    let summary = |one: &Published| SchemaSummary {
        kind: one.kind.clone(),
        version: one.version.clone(),
        description: one.schema["description"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        url: path(&one.kind, &one.version),
    };
    SchemaList {
        schemas: published.iter().map(summary).collect(),
    }
}

/// List the schemas of events.
///
/// Every type and version that a record on the bus may have.
#[utoipa::path(
    get,
    path = "/schemas",
    tag = "schemas",
    responses(
        (status = 200, description = "Every schema", body = SchemaList, headers(("ETag" = String, description = "For `If-None-Match`"))),
        (status = 304, description = "The list is the one that the caller has"),
    )
)]
async fn list_schemas(State(documents): State<Documents>, headers: HeaderMap) -> Response {
    documents.list.answer(&headers)
}

/// Show the schema of an event.
///
/// A JSON Schema (2020-12) of the record's value. A version may gain optional fields; anything else is a new version.
#[utoipa::path(
    get,
    path = "/schemas/{type}/{version}",
    tag = "schemas",
    params(
        ("type" = String, Path, description = "As the header `ce_type` names it, for example `frontrow.show.SeatsHeld`"),
        ("version" = String, Path, description = "As the header `event_version` names it, for example `1`"),
    ),
    responses(
        (status = 200, description = "The JSON Schema", content_type = "application/schema+json", body = serde_json::Value, headers(("ETag" = String, description = "For `If-None-Match`"))),
        (status = 304, description = "The schema is the one that the caller has"),
        (status = 404, description = "No such type or version", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn get_schema(
    State(documents): State<Documents>,
    Path(key): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = documents.schemas.get(&key);
    let found =
        found.ok_or_else(|| Problem::not_found("schema: /schemas lists those there are"))?;
    Ok(found.answer(&headers))
}

impl Document {
    fn new(media_type: HeaderValue, content: &impl Serialize) -> Self {
        let bytes = serde_json::to_vec_pretty(content)
            .expect("a document has string keys and no fallible serializer");
        let digest = digest::digest(&digest::SHA256, &bytes);
        let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16]));
        Self {
            media_type,
            tag: HeaderValue::try_from(tag).expect("base64 and quotes are visible ASCII"),
            bytes: bytes.into(),
        }
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let mut response = if self.is_known(headers) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let content_type = (header::CONTENT_TYPE, self.media_type.clone());
            ([content_type], self.bytes.clone()).into_response()
        };
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.tag.clone());
        headers.insert(header::CACHE_CONTROL, KEEP);
        response
    }

    /// Whether the caller has these bytes already. Compared weakly, as RFC 9110 says of this header.
    fn is_known(&self, headers: &HeaderMap) -> bool {
        let named = headers.get_all(header::IF_NONE_MATCH).iter();
        named
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|tag| tag.trim().trim_start_matches("W/"))
            .any(|tag| tag == "*" || tag.as_bytes() == self.tag.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use axum::{
        body::{Body, to_bytes},
        extract::Request,
    };
    use serde_json::json;
    use tower::ServiceExt;

    use super::*;

    async fn get(path: &str, known: Option<&HeaderValue>) -> (Response<()>, Value) {
        let published = [Published {
            kind: "frontrow.show.SeatsHeld".to_owned(),
            version: "1".to_owned(),
            schema: json!({"title": "SeatsHeld", "description": "Seats are held."}),
        }];
        let mut request = Request::get(path);
        if let Some(tag) = known {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = router(&published).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 1_000_000).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        (Response::from_parts(parts, ()), body)
    }

    #[tokio::test]
    async fn a_schema_is_found_by_its_type_and_version() {
        let (answer, list) = get("/schemas", None).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let url = list["schemas"][0]["url"].as_str().unwrap();
        assert_eq!(url, "/schemas/frontrow.show.SeatsHeld/1");
        assert_eq!(list["schemas"][0]["type"], "frontrow.show.SeatsHeld");
        let (answer, schema) = get(url, None).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], SCHEMA);
        assert_eq!(answer.headers()[header::CACHE_CONTROL], KEEP);
        assert_eq!(schema["title"], "SeatsHeld");
    }

    #[tokio::test]
    async fn who_has_it_is_not_sent_it_again() {
        for path in ["/schemas", "/schemas/frontrow.show.SeatsHeld/1"] {
            let (answer, _) = get(path, None).await;
            let tag = answer.headers()[header::ETAG].clone();
            let (again, body) = get(path, Some(&tag)).await;
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
            assert_eq!(
                (again.headers()[header::ETAG].clone(), body),
                (tag, Value::Null)
            );
            let other = HeaderValue::from_static("\"other\"");
            assert_eq!(get(path, Some(&other)).await.0.status(), StatusCode::OK);
        }
    }

    #[tokio::test]
    async fn what_is_not_published_is_a_problem() {
        for path in [
            "/schemas/frontrow.show.SeatsHeld/2",
            "/schemas/frontrow.show.SeatsTaken/1",
        ] {
            let (answer, problem) = get(path, None).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND);
            assert_eq!(problem["code"], "not_found");
        }
    }
}
