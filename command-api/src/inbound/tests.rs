//! What a record asks for, and what becomes of it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use edge::Problem;
use event_store::inbox::{Failure, Handler, Record};
use serde_json::{Value, json};

use super::{
    DropEntries, ENTRY_REQUESTED, EnterDrop, EntryRequest, MAX_REQUEST_BYTES, TOPIC, entry_example,
    entry_schema,
};
use crate::{codes, commands, error::problem};

/// Remembers who was entered, or refuses.
#[derive(Debug, Default)]
struct Doors {
    entered: Mutex<Vec<EntryRequest>>,
    refuses: Option<codes::Code>,
}

#[async_trait]
impl EnterDrop for Doors {
    async fn enter(&self, request: &EntryRequest) -> Result<(), Problem> {
        if let Some(code) = self.refuses {
            return Err(problem(code, "as the test demands"));
        }
        self.entered.lock().unwrap().push(request.clone());
        Ok(())
    }
}

fn record(payload: impl Into<Vec<u8>>, headers: &[(&str, &str)]) -> Record {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
    Record {
        topic: TOPIC.to_owned(),
        partition: 3,
        offset: 17,
        timestamp_ms: 1_700_000_000_000,
        key: None,
        headers: headers.iter().map(own).collect(),
        payload: payload.into(),
    }
}

async fn handle(doors: &Arc<Doors>, record: &Record) -> Result<(), Failure> {
    DropEntries::new(Arc::clone(doors) as Arc<dyn EnterDrop>)
        .handle(record)
        .await
}

/// What a record comes to: the entered requests, or the refusal's code.
async fn outcome(record: &Record) -> Result<Vec<EntryRequest>, String> {
    let doors = Arc::new(Doors::default());
    match handle(&doors, record).await {
        Ok(()) => Ok(doors.entered.lock().unwrap().clone()),
        Err(Failure::Refused { code, .. }) => Err(code),
        Err(other) => panic!("{other}"),
    }
}

fn without_key() -> Value {
    let mut request = entry_example();
    request.as_object_mut().unwrap().remove("idempotency_key");
    request
}

#[tokio::test]
async fn a_request_is_plain_or_a_cloud_event() {
    for headers in [
        vec![],
        vec![
            ("ce_type", ENTRY_REQUESTED),
            ("ce_source", "shop"),
            ("ce_id", "1"),
        ],
    ] {
        let example = entry_example();
        let entered = outcome(&record(example.to_string(), &headers))
            .await
            .unwrap();
        let expected = EntryRequest {
            drop_id: example["drop_id"].as_str().unwrap().parse().unwrap(),
            customer_id: example["customer_id"].as_str().unwrap().parse().unwrap(),
            key: "order-4711".to_owned(),
            pass: Some(example["pass"].as_str().unwrap().to_owned()),
        };
        assert_eq!(entered, [expected]);
    }
}

#[tokio::test]
async fn copies_have_one_key_and_other_requests_have_others() {
    let key = async |headers: &[(&str, &str)], offset| {
        let mut record = record(without_key().to_string(), headers);
        record.offset = offset;
        outcome(&record).await.unwrap().remove(0).key
    };
    let event = |id| [("ce_source", "shop"), ("ce_id", id)];
    assert_eq!(key(&event("1"), 1).await, key(&event("1"), 2).await);
    assert_ne!(key(&event("1"), 1).await, key(&event("2"), 1).await);
    assert_eq!(key(&[], 1).await, key(&[], 1).await);
    assert_ne!(key(&[], 1).await, key(&[], 2).await);
}

#[tokio::test]
async fn the_same_key_is_the_same_command_over_http() {
    let example = record(entry_example().to_string(), &[]);
    let request = outcome(&example).await.unwrap().remove(0);
    let (customer, drop) = (request.customer_id, request.drop_id);
    let by_http = commands::request_id(
        &format!("customer:{customer}"),
        "POST",
        &format!("/v1/drops/{drop}/entries"),
        Some("order-4711"),
    );
    assert_eq!(request.command_id(), by_http);
}

#[tokio::test]
async fn our_own_records_ask_for_nothing() {
    let ours = record(
        r#"{"EntriesRecorded":{}}"#,
        &[("ce_type", "frontrow.drop.EntriesRecorded")],
    );
    assert_eq!(outcome(&ours).await, Ok(Vec::new()));
}

#[tokio::test]
async fn what_is_no_request_is_refused_with_a_code() {
    let with = |field: &str, value: Value| {
        let mut request = entry_example();
        request[field] = value;
        request.to_string()
    };
    let example = entry_example().to_string();
    for (payload, kind, code) in [
        ("drop me in".to_owned(), None, "malformed_json"),
        (String::new(), None, "malformed_json"),
        ("[]".to_owned(), None, "invalid_field"),
        ("{}".to_owned(), None, "invalid_field"),
        (with("drop_id", json!("x")), None, "invalid_field"),
        (with("customer", json!("x")), None, "invalid_field"),
        (
            with("idempotency_key", json!("")),
            None,
            "invalid_idempotency_key",
        ),
        (
            with("idempotency_key", json!("k".repeat(256))),
            None,
            "invalid_idempotency_key",
        ),
        (" ".repeat(MAX_REQUEST_BYTES + 1), None, "body_too_large"),
        (example, Some("drop.entry.withdrawn"), "unsupported_type"),
    ] {
        let headers: Vec<_> = kind.map(|kind| ("ce_type", kind)).into_iter().collect();
        let refused = outcome(&record(payload.clone(), &headers)).await;
        assert_eq!(refused, Err(code.to_owned()), "{payload}");
    }
}

#[tokio::test]
async fn only_what_may_pass_is_tried_again() {
    for (code, passes) in [
        (codes::UNAVAILABLE, true),
        (codes::OUTCOME_UNKNOWN, true),
        (codes::BUSY, true),
        (codes::NOT_FOUND, false),
        (codes::NOT_ON_SALE_YET, false),
        (codes::IDEMPOTENCY_KEY_REUSED, false),
    ] {
        let doors = Arc::new(Doors {
            refuses: Some(code),
            ..Doors::default()
        });
        let failed = handle(&doors, &record(entry_example().to_string(), &[])).await;
        let waits = matches!(failed, Err(Failure::Unavailable(_)));
        assert_eq!(waits, passes, "{failed:?}");
    }
}

#[test]
fn the_schema_names_every_field() {
    let schema = entry_schema();
    let example = entry_example();
    let named = schema["properties"].as_object().unwrap();
    assert!(example.as_object().unwrap().keys().eq(named.keys()));
    assert_eq!(schema["required"], json!(["drop_id", "customer_id"]));
}
