//! `waiting-queue-topic`: other programs enter their customers into drops.
//!
//! A record is a request if it says so (`ce_type` is [`ENTRY_REQUESTED`]) or says nothing. What the relay writes to the same topic, second
//! records of accepted entries, is of types that begin with `frontrow.` and is left alone: nobody asks for anything by it.
//! `docs/decisions/0033-topics-for-others.md` says why both are on one topic.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use domain::ids::CustomerId;
use edge::Problem;
use event_store::inbox::{Failure, Handler, Record};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::commands;

/// The topic that others write to.
pub const TOPIC: &str = "waiting-queue-topic";

/// The group of all command APIs of a system.
pub const GROUP: &str = "frontrow.drop_entries";

/// `ce_type` of a request.
pub const ENTRY_REQUESTED: &str = "drop.entry.requested";

/// Most bytes of a request: it takes some two hundred.
pub const MAX_REQUEST_BYTES: usize = 4096;

/// What the types of the relay's records begin with.
const OURS: &str = "frontrow.";

/// Longest key, as over HTTP.
const MAX_KEY_BYTES: usize = 255;

/// What a record asks for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Body {
    /// The drop.
    drop_id: Uuid,
    /// Who is entered.
    customer_id: CustomerId,
    /// Makes repeats of the request one, as the header `Idempotency-Key` does over HTTP; 1 to 255 bytes. Without it, copies of a `CloudEvent`
    /// are one by their `ce_source` and `ce_id`, and any other record is a request of its own.
    #[serde(default)]
    idempotency_key: Option<String>,
    /// The pass, where the drop stands behind a waiting room.
    #[serde(default)]
    pass: Option<String>,
}

/// A customer who is to be entered into a drop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRequest {
    /// The drop.
    pub drop_id: Uuid,
    /// Who.
    pub customer_id: CustomerId,
    /// What repeats of the request have in common.
    pub key: String,
    /// The pass that was shown.
    pub pass: Option<String>,
}

impl EntryRequest {
    /// The id of the command: that of `POST /v1/drops/{id}/entries` of the customer with this `Idempotency-Key`, so that a program that
    /// tries both ways enters once.
    pub fn command_id(&self) -> Uuid {
        let principal = format!("customer:{}", self.customer_id);
        let path = format!("/v1/drops/{}/entries", self.drop_id);
        commands::request_id(&principal, "POST", &path, Some(&self.key))
    }
}

/// What enters customers into drops.
#[async_trait]
pub trait EnterDrop: Send + Sync + fmt::Debug {
    /// Enters a customer; `Ok` once that is durable, and for a repeat of what was done before.
    ///
    /// # Errors
    /// As over HTTP: a 5xx may work later, anything else never will.
    async fn enter(&self, request: &EntryRequest) -> Result<(), Problem>;
}

/// Carries out the records of the topic.
#[derive(Debug, Clone)]
pub struct DropEntries(Arc<dyn EnterDrop>);

impl DropEntries {
    /// By `enter`.
    pub fn new(enter: Arc<dyn EnterDrop>) -> Self {
        Self(enter)
    }
}

#[async_trait]
impl Handler for DropEntries {
    async fn handle(&self, record: &Record) -> Result<(), Failure> {
        let Some(request) = read(record)? else {
            return Ok(());
        };
        let entered = self.0.enter(&request).await;
        entered.map_err(|problem| {
            let said = format!("{}: {}", problem.code(), problem.detail());
            // Only a server's trouble passes; what broke for good is worth a look, and must not hold up the others for ever.
            if problem.status().is_server_error() && problem.code() != "internal" {
                Failure::Unavailable(said)
            } else {
                Failure::refused(problem.code(), said)
            }
        })
    }
}

/// The request that a record is; none, where it is one of ours.
fn read(record: &Record) -> Result<Option<EntryRequest>, Failure> {
    match record.header("ce_type") {
        Some(ours) if ours.starts_with(OURS) => return Ok(None),
        Some(ENTRY_REQUESTED) | None => {}
        Some(other) => {
            let reason = format!("a request is of type {ENTRY_REQUESTED}, not {other:?}");
            return Err(Failure::refused("unsupported_type", reason));
        }
    }
    let bytes = record.payload.len();
    if bytes > MAX_REQUEST_BYTES {
        let reason = format!("the value has {bytes} bytes, of at most {MAX_REQUEST_BYTES}");
        return Err(Failure::refused("body_too_large", reason));
    }
    let body: Body = serde_json::from_slice(&record.payload).map_err(|error| {
        let code = if error.is_data() {
            "invalid_field"
        } else {
            "malformed_json"
        };
        Failure::refused(code, error.to_string())
    })?;
    let key = match body.idempotency_key {
        Some(key) if key.is_empty() || key.len() > MAX_KEY_BYTES => {
            let reason = format!("a key has 1 to {MAX_KEY_BYTES} bytes, not {}", key.len());
            return Err(Failure::refused("invalid_idempotency_key", reason));
        }
        Some(key) => key,
        None => record.id().to_string(),
    };
    Ok(Some(EntryRequest {
        drop_id: body.drop_id,
        customer_id: body.customer_id,
        key,
        pass: body.pass,
    }))
}

/// The JSON Schema (draft 07) of a request.
pub fn entry_schema() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let schema = settings.into_generator().into_root_schema_for::<Body>();
    let mut schema = Value::from(schema);
    schema["title"] = json!("EntryRequest");
    schema
}

/// A request.
pub fn entry_example() -> Value {
    json!({
        "drop_id": "019a0000-000b-7000-8000-000000000001",
        "customer_id": "019a0000-0005-7000-8000-000000000001",
        "idempotency_key": "order-4711",
        "pass": "eyJhbGciOiJFZERTQSJ9...",
    })
}
