//! Commands: ids that make a repeat recognisable, fingerprints that tell another request apart, metadata that says who
//! and why.

use std::{collections::BTreeMap, fmt::Debug};

use aws_lc_rs::hmac;
use event_store::{
    commands::Fingerprint,
    executor::{Metadata, Request},
};
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;
use uuid::{Uuid, uuid};

/// Namespace of the ids of clients' commands; permanent.
const REQUESTS: Uuid = uuid!("6f1a3c1e-52b1-5d0a-9a35-0f5c9b5c7e01");
/// Namespace of the ids of sagas' steps; permanent.
const STEPS: Uuid = uuid!("6f1a3c1e-52b1-5d0a-9a35-0f5c9b5c7e02");

/// The id of a client's command: the same for the same principal, method, concrete path and key. Without a key, a new
/// one.
pub fn request_id(principal: &str, method: &str, path: &str, key: Option<&str>) -> Uuid {
    match key {
        Some(key) => Uuid::new_v5(&REQUESTS, &joined(&[principal, method, path, key])),
        None => Uuid::now_v7(),
    }
}

/// The id of a saga's step: the same whoever carries it out, and however often.
pub fn step_id(saga: Uuid, step: &str) -> Uuid {
    Uuid::new_v5(&STEPS, &joined(&[&saga.to_string(), step]))
}

/// The request of a saga's step. Its id is the saga's alone, so nobody can use it for something else: it needs no fingerprint.
pub fn step<C>(
    saga: Uuid,
    step: &str,
    origin: &Origin,
    deadline: Option<Instant>,
    command: C,
) -> Request<C> {
    Request {
        command_id: step_id(saga, step),
        fingerprint: Fingerprint::default(),
        command,
        metadata: origin.metadata(),
        claims: Vec::new(),
        deadline,
    }
}

/// The parts, each behind its length: no two lists of parts look alike.
fn joined(parts: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

/// Digests requests under a secret key, so that a stored fingerprint can't be turned back into its request by guessing.
pub trait Fingerprints: Send + Sync + Debug {
    /// The digest of a request's canonical form: HMAC-SHA256, 32 bytes.
    fn fingerprint(&self, canonical: &[u8]) -> Fingerprint;
}

/// Fingerprints under a key that the caller got from the key store.
pub struct HmacFingerprints(hmac::Key);

impl HmacFingerprints {
    /// Under `secret`, at least 32 bytes.
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }
}

impl Debug for HmacFingerprints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("HmacFingerprints").finish_non_exhaustive()
    }
}

impl Fingerprints for HmacFingerprints {
    fn fingerprint(&self, canonical: &[u8]) -> Fingerprint {
        Fingerprint(hmac::sign(&self.0, canonical).as_ref().to_vec())
    }
}

/// A body's canonical form: JSON without spaces, members sorted by name, defaults spelled out by `body`'s own serializer.
/// Two bodies that mean the same have the same form.
///
/// # Panics
/// If `body` can't be written as JSON: a map with other keys than strings, or a failing serializer.
pub fn canonical(body: &impl Serialize) -> Vec<u8> {
    let value = serde_json::to_value(body)
        .expect("request bodies have string keys and no fallible serializer");
    let mut bytes = Vec::new();
    write_canonical(&value, &mut bytes);
    bytes
}

fn write_canonical(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Array(items) => {
            out.push(b'[');
            for item in items {
                write_canonical(item, out);
                out.push(b',');
            }
            out.push(b']');
        }
        Value::Object(members) => {
            let sorted: BTreeMap<_, _> = members.iter().collect();
            out.push(b'{');
            for (name, member) in sorted {
                write_canonical(&Value::String(name.clone()), out);
                out.push(b':');
                write_canonical(member, out);
                out.push(b',');
            }
            out.push(b'}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.extend_from_slice(value.to_string().as_bytes());
        }
    }
}

/// Who acts, in which trace and because of what: stored with each event.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// `<role>:<id>`, or the name of a process manager.
    pub actor: String,
    /// Joins everything that one request brought about.
    pub correlation_id: String,
    /// The command that led to this one.
    pub causation_id: Option<Uuid>,
    /// W3C trace context.
    pub traceparent: Option<String>,
}

impl Origin {
    /// A process manager's: each of its steps belongs to the saga `saga`.
    pub fn manager(name: &str, saga: Uuid) -> Self {
        Self {
            actor: format!("process_manager:{name}"),
            correlation_id: saga.to_string(),
            causation_id: Some(saga),
            traceparent: None,
        }
    }

    /// As events store it.
    pub fn metadata(&self) -> Metadata {
        let mut fields = BTreeMap::from([
            ("actor".to_owned(), self.actor.clone()),
            ("correlation_id".to_owned(), self.correlation_id.clone()),
        ]);
        fields.extend(
            self.causation_id
                .map(|id| ("causation_id".to_owned(), id.to_string())),
        );
        fields.extend(
            self.traceparent
                .clone()
                .map(|text| ("traceparent".to_owned(), text)),
        );
        Metadata(fields)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_means_one_thing_for_one_principal_method_and_path() {
        let id = |principal, path, key| request_id(principal, "POST", path, Some(key));
        assert_eq!(id("a", "/v1/x", "k"), id("a", "/v1/x", "k"));
        for other in [
            id("b", "/v1/x", "k"),
            id("a", "/v1/y", "k"),
            id("a", "/v1/x", "l"),
            id("a/v1", "/x", "k"),
        ] {
            assert_ne!(other, id("a", "/v1/x", "k"));
        }
        assert_ne!(
            request_id("a", "POST", "/", None),
            request_id("a", "POST", "/", None)
        );
        assert_ne!(
            step_id(Uuid::nil(), "debit"),
            step_id(Uuid::nil(), "credit")
        );
    }

    #[test]
    fn the_canonical_form_forgets_order_and_nothing_else() {
        let form = |value: Value| canonical(&value);
        assert_eq!(
            form(json!({"a": 1, "b": [true, null]})),
            form(json!({"b": [true, null], "a": 1}))
        );
        for other in [
            json!({"a": 1, "b": [null, true]}),
            json!({"a": "1", "b": [true, null]}),
            json!({"a": 1}),
        ] {
            assert_ne!(form(other), form(json!({"a": 1, "b": [true, null]})));
        }
    }

    #[test]
    fn a_fingerprint_depends_on_its_key() {
        let digest = |secret: &[u8]| HmacFingerprints::new(secret).fingerprint(b"{}");
        assert_eq!(digest(&[1; 32]), digest(&[1; 32]));
        assert_ne!(digest(&[1; 32]), digest(&[2; 32]));
        assert_eq!(digest(&[1; 32]).0.len(), 32);
    }
}
