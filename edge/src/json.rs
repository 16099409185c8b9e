//! JSON bodies: read strictly, answered plainly.

use std::{error::Error, time::Duration};

use axum::{
    RequestExt,
    body::Body,
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, LengthLimitError};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::error::Category;
use tokio::time::{Instant, timeout_at};

use crate::problem::Problem;

/// Deepest nesting of arrays and objects in a body: a seating plan needs 8.
pub const MAX_NESTING: usize = 64;
/// Most frames of an over-long body that are read and thrown away, so that the client, still sending, gets to read the
/// answer. A frame is at most some hundred KiB; the request's deadline bounds the time.
const MAX_DISCARDED_FRAMES: usize = 2_048;
/// How long a body may take, and how much longer for each part of so many bytes that came: about 256 kbit/s. A request that is being answered takes
/// one of a bounded number of slots, which a body that is never sent must not hold until the request's deadline.
const BODY_PATIENCE: Duration = Duration::from_secs(2);
const BYTES_PER_SECOND: usize = 32 * 1024;

/// A JSON body: extracted from a request, or answered.
///
/// Extraction refuses, each as a [`Problem`]: another content type (415 `unsupported_media_type`), a body over the route's limit
/// (413 `body_too_large`), one that comes too slowly (408 `body_timeout`), what isn't JSON or is nested deeper than [`MAX_NESTING`] (400 `malformed_json`), a field that the type
/// doesn't know (400 `unknown_field`, where the type denies them), and a missing field or one of another type
/// (400 `invalid_field`). The last three name the place: `at` (a path), `line`, `column`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let JsonBytes(bytes) = JsonBytes::from_request(request, state).await?;
        parse(&bytes).map(Self)
    }
}

/// A body that says it is JSON, not read yet: for bodies so large that [`parse`] belongs on a thread that may block. Refuses
/// another content type and a body over the route's limit, as [`Json`] does.
#[derive(Debug, Clone)]
pub struct JsonBytes(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonBytes {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "the body must be JSON, with Content-Type: application/json",
            ));
        }
        read(request.into_limited_body(), BODY_PATIENCE)
            .await
            .map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => {
                let json = HeaderValue::from_static("application/json");
                ([(header::CONTENT_TYPE, json)], body).into_response()
            }
            Err(error) => Problem::internal(&error).into_response(),
        }
    }
}

/// Reads one JSON text from bytes, under the rules of [`Json`].
///
/// # Errors
/// A 400 [`Problem`]; see [`Json`].
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    check_nesting(bytes)?;
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        refusal(&path, error.inner())
    })?;
    json.end().map_err(|error| refusal(".", &error))?;
    check_object(bytes)?;
    Ok(value)
}

fn refusal(path: &str, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let code = match error.classify() {
        Category::Data if text.starts_with("unknown field") => "unknown_field",
        Category::Data => "invalid_field",
        Category::Io | Category::Syntax | Category::Eof => "malformed_json",
    };
    let detail = if path == "." {
        text
    } else {
        format!("{path}: {text}")
    };
    placed(code, detail, path, error.line(), error.column())
}

fn placed(code: &'static str, detail: String, path: &str, line: usize, column: usize) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, code, detail)
        .with("at", path)
        .with("line", line)
        .with("column", column)
}

/// Refuses an array in the place of an object: it would be taken for the object's fields, in the order of their declaration.
fn check_object(bytes: &[u8]) -> Result<(), Problem> {
    let text = bytes.trim_ascii_start();
    if text.first() != Some(&b'[') {
        return Ok(());
    }
    let detail = "the body must be a JSON object, and is an array".to_owned();
    let (line, column) = place(bytes, bytes.len() - text.len());
    Err(placed("invalid_field", detail, ".", line, column))
}

/// Line and column of a byte, both from 1.
fn place(bytes: &[u8], index: usize) -> (usize, usize) {
    let before = &bytes[..index];
    let line_start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let line = before[..line_start].split(|byte| *byte == b'\n').count();
    (line, index - line_start + 1)
}

/// Refuses deep nesting before the parser sees it: skipped values are not bounded by the parser's own limit.
fn check_nesting(bytes: &[u8]) -> Result<(), Problem> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (index, byte) in bytes.iter().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_NESTING {
            let (line, column) = place(bytes, index);
            let detail =
                format!("nested deeper than {MAX_NESTING} levels at line {line} column {column}");
            return Err(placed("malformed_json", detail, ".", line, column));
        }
    }
    Ok(())
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(value)) = headers.get(header::CONTENT_TYPE).map(HeaderValue::to_str) else {
        return false;
    };
    let essence = value
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

async fn read(mut body: Body, patience: Duration) -> Result<Bytes, Problem> {
    let mut buffer = BytesMut::new();
    let begun = Instant::now();
    loop {
        let earned = Duration::from_millis((buffer.len() * 1_000 / BYTES_PER_SECOND) as u64);
        let frame = timeout_at(begun + patience + earned, body.frame()).await;
        let Some(frame) = frame.map_err(|_| too_slow(buffer.len()))? else {
            break;
        };
        match frame {
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    buffer.extend_from_slice(&data);
                }
            }
            Err(error) if is_over_limit(&error) => {
                drop(buffer);
                discard(body).await;
                return Err(Problem::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "body_too_large",
                    "the body is larger than this call accepts",
                ));
            }
            Err(error) => {
                let detail = format!("the body could not be read: {error}");
                return Err(Problem::new(
                    StatusCode::BAD_REQUEST,
                    "malformed_body",
                    detail,
                ));
            }
        }
    }
    Ok(buffer.freeze())
}

fn too_slow(received: usize) -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "body_timeout",
        format!("only {received} bytes of the body came in the time it may take; nothing was done"),
    )
}

async fn discard(mut body: Body) {
    for _ in 0..MAX_DISCARDED_FRAMES {
        match body.frame().await {
            None => return,
            Some(Err(error)) if !is_over_limit(&error) => return,
            Some(_) => {}
        }
    }
}

fn is_over_limit(error: &axum::Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<LengthLimitError>() {
            return true;
        }
        source = cause.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use axum::extract::DefaultBodyLimit;
    use axum::{Router, routing::post};
    use futures::StreamExt;
    use serde::Deserialize;
    use tower::ServiceExt;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        #[expect(dead_code, reason = "only its reading matters")]
        seats: Vec<Seat>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Seat {
        #[expect(dead_code, reason = "only its reading matters")]
        number: u32,
    }

    fn refused(text: &str) -> Problem {
        parse::<Order>(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn names_the_place_of_a_mistake() {
        let problem = refused("{\"seats\": [\n  {\"number\": 1},\n  {\"number\": \"x\"}]}");
        assert_eq!(problem.code(), "invalid_field");
        assert_eq!(problem.field("at").unwrap(), "seats[1].number");
        assert_eq!(problem.field("line").unwrap(), 3);
        let problem = refused("{\"seats\": [{\"number\": 1, \"colour\": 2}]}");
        assert_eq!(problem.code(), "unknown_field");
        assert_eq!(problem.field("at").unwrap(), "seats[0].colour");
        assert_eq!(refused("{}").code(), "invalid_field");
        assert_eq!(refused("{\"seats\": [}").code(), "malformed_json");
        assert_eq!(refused("{\"seats\": []} x").code(), "malformed_json");
        assert_eq!(refused("").code(), "malformed_json");
        let problem = refused("\n [[{\"number\": 1}]]");
        assert_eq!(problem.code(), "invalid_field");
        let place = (
            problem.field("line").unwrap(),
            problem.field("column").unwrap(),
        );
        assert_eq!(place, (&2.into(), &2.into()));
    }

    #[test]
    fn refuses_deep_nesting_also_where_the_type_would_skip_it() {
        #[derive(Debug, Deserialize)]
        struct Anything {}
        let deep = format!(
            "{{\n\"x\": {}{}}}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        let problem = parse::<Anything>(deep.as_bytes()).unwrap_err();
        assert_eq!(problem.code(), "malformed_json");
        assert_eq!(problem.field("line").unwrap(), 2);
        assert_eq!(problem.field("column").unwrap(), 5 + MAX_NESTING);
        let text = format!("{{\"x\": \"{}\\\"[\"}}", "[".repeat(1_000));
        assert!(
            parse::<Anything>(text.as_bytes()).is_ok(),
            "brackets in strings don't nest"
        );
    }

    async fn send(content_type: &str, body: String) -> StatusCode {
        let router = Router::new()
            .route("/", post(|_: Json<Order>| async {}))
            .layer(DefaultBodyLimit::max(100));
        let request = Request::post("/")
            .header(header::CONTENT_TYPE, content_type)
            .body(Body::from(body))
            .unwrap();
        router.oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn refuses_other_content_types_and_long_bodies() {
        let body = "{\"seats\": []}".to_owned();
        assert_eq!(
            send("text/plain", body.clone()).await,
            StatusCode::UNSUPPORTED_MEDIA_TYPE
        );
        assert_eq!(
            send("application/json; charset=utf-8", body.clone()).await,
            StatusCode::OK
        );
        assert_eq!(
            send("application/vnd.frontrow+json", body.clone()).await,
            StatusCode::OK
        );
        let long = body + &" ".repeat(200);
        assert_eq!(
            send("application/json", long).await,
            StatusCode::PAYLOAD_TOO_LARGE
        );
    }

    #[tokio::test]
    async fn a_body_that_stops_coming_is_not_waited_for_but_each_part_of_it_earns_time() {
        let patience = Duration::from_millis(20);
        let begun = Instant::now();
        let part = Bytes::from(vec![b' '; BYTES_PER_SECOND / 20]);
        let stuck = futures::stream::iter([Ok::<_, std::io::Error>(part)])
            .chain(futures::stream::pending());
        let problem = read(Body::from_stream(stuck), patience).await.unwrap_err();
        assert_eq!(problem.code(), "body_timeout");
        assert!(problem.detail().contains("1638 bytes"), "{problem:?}");
        assert!(begun.elapsed() >= patience + Duration::from_millis(49));
    }
}
