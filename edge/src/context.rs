//! Who asked, when, and under which trace: what handlers put into the metadata of events.

use std::{convert::Infallible, sync::Arc, time::Instant};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, request::Parts},
};

/// Most bytes of a correlation id taken over from a client.
pub const MAX_CORRELATION_BYTES: usize = 128;

/// The context of one request. Set by [`crate::layers::apply`]; extracted without it, a new one is minted.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// W3C `traceparent` of this request: the client's trace id, or a new one, with a span id of our own.
    pub traceparent: Arc<str>,
    /// The client's `X-Request-Id`, or the trace id: ties together everything that one act of a client caused.
    pub correlation_id: Arc<str>,
    /// When the request's head had been read.
    pub received_at: Instant,
}

impl RequestContext {
    /// Reads the context from a request's headers, or mints it.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let traceparent = headers
            .get("traceparent")
            .and_then(|value| value.to_str().ok())
            .and_then(continued)
            .unwrap_or_else(|| minted("01"));
        let correlation_id = headers
            .get("x-request-id")
            .and_then(correlation)
            .unwrap_or_else(|| trace_id(&traceparent).into());
        Self {
            traceparent: traceparent.into(),
            correlation_id,
            received_at: Instant::now(),
        }
    }

    /// The trace id: 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        trace_id(&self.traceparent)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestContext {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let given = parts.extensions.get::<Self>().cloned();
        Ok(given.unwrap_or_else(|| Self::from_headers(&parts.headers)))
    }
}

fn trace_id(traceparent: &str) -> &str {
    &traceparent[3..35]
}

fn correlation(value: &HeaderValue) -> Option<Arc<str>> {
    let text = value.to_str().ok()?;
    let fits = !text.is_empty() && text.len() <= MAX_CORRELATION_BYTES;
    fits.then(|| text.into())
}

/// The same trace under a new span id; `None` if the header isn't a valid `traceparent`.
fn continued(given: &str) -> Option<String> {
    let mut parts = given.split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, length: usize| {
        text.len() == length
            && text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let nonzero = |text: &str| text.bytes().any(|byte| byte != b'0');
    let sound = hex(version, 2)
        && version != "ff"
        && (version != "00" || parts.next().is_none())
        && (hex(trace, 32) && nonzero(trace))
        && (hex(span, 16) && nonzero(span))
        && hex(flags, 2);
    sound.then(|| format!("00-{trace}-{}-{flags}", random_hex::<8>()))
}

fn minted(flags: &str) -> String {
    format!("00-{}-{}-{flags}", random_hex::<16>(), random_hex::<8>())
}

fn random_hex<const N: usize>() -> String {
    let mut bytes = [0_u8; N];
    aws_lc_rs::rand::fill(&mut bytes)
        .expect("the generator of aws-lc fails only where the machine has no entropy at all");
    // An id of zeros means "none"; one bit keeps ours from being it.
    bytes[0] |= 1;
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn context(headers: &[(&'static str, &str)]) -> RequestContext {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        RequestContext::from_headers(&map)
    }

    #[test]
    fn continues_a_sound_trace_and_replaces_an_unsound_one() {
        let continued = context(&[("traceparent", GIVEN)]);
        assert_eq!(continued.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_ne!(&*continued.traceparent, GIVEN, "the span is ours");
        assert_eq!(continued.traceparent.len(), GIVEN.len());
        for unsound in [
            "",
            "00-xyz",
            &GIVEN.replace('4', "0").to_uppercase(),
            &GIVEN.replacen("00", "ff", 1),
        ] {
            assert_ne!(
                context(&[("traceparent", unsound)]).trace_id(),
                continued.trace_id()
            );
        }
        assert_ne!(context(&[]).trace_id(), context(&[]).trace_id());
    }

    #[test]
    fn takes_the_clients_request_id_if_it_is_short() {
        assert_eq!(
            &*context(&[("x-request-id", "order 7")]).correlation_id,
            "order 7"
        );
        let long = "x".repeat(MAX_CORRELATION_BYTES + 1);
        let minted = context(&[("x-request-id", &long)]);
        assert_eq!(&*minted.correlation_id, minted.trace_id());
    }
}
