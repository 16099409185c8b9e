//! The header `Idempotency-Key`.

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};

use crate::problem::Problem;

/// Most bytes of a key.
pub const MAX_KEY_BYTES: usize = 255;

/// The client's name for one attempt: the same key, repeated, has one effect. `None`: the server draws an id.
///
/// Any text of 1 to [`MAX_KEY_BYTES`] bytes; anything else, and two keys at once, is 400 `invalid_idempotency_key`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IdempotencyKey(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let refuse =
            |detail: &str| Problem::new(StatusCode::BAD_REQUEST, "invalid_idempotency_key", detail);
        let mut values = parts.headers.get_all("idempotency-key").iter();
        let Some(value) = values.next() else {
            return Ok(Self(None));
        };
        if values.next().is_some() {
            return Err(refuse("more than one Idempotency-Key"));
        }
        if value.is_empty() || value.len() > MAX_KEY_BYTES {
            return Err(refuse("an Idempotency-Key has 1 to 255 bytes"));
        }
        match std::str::from_utf8(value.as_bytes()) {
            Ok(key) => Ok(Self(Some(key.to_owned()))),
            Err(_) => Err(refuse("an Idempotency-Key is text in UTF-8")),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, Request};

    use super::*;

    async fn read(values: &[&[u8]]) -> Result<Option<String>, Problem> {
        let mut request = Request::post("/");
        for value in values {
            request = request.header("Idempotency-Key", HeaderValue::from_bytes(value).unwrap());
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        Ok(IdempotencyKey::from_request_parts(&mut parts, &()).await?.0)
    }

    #[tokio::test]
    async fn any_text_up_to_255_bytes() {
        assert_eq!(read(&[]).await.unwrap(), None);
        assert_eq!(
            read(&[b"retry 1/\"x\""]).await.unwrap().unwrap(),
            "retry 1/\"x\""
        );
        assert_eq!(
            read(&["gr\u{fc}n".as_bytes()]).await.unwrap().unwrap(),
            "gr\u{fc}n"
        );
        assert_eq!(read(&[&[b'k'; 255]]).await.unwrap().unwrap().len(), 255);
        for bad in [
            &[&[b'k'; 256] as &[u8]] as &[&[u8]],
            &[b""],
            &[b"\xff"],
            &[b"a", b"b"],
        ] {
            assert_eq!(
                read(bad).await.unwrap_err().code(),
                "invalid_idempotency_key"
            );
        }
    }
}
