//! The document is one of `AsyncAPI`, and says of each record what is true.

use jsonschema::Validator;
use serde_json::Value;

use super::document;

/// The specification's own schema: see `tests/asyncapi/README.md`.
fn official() -> Validator {
    let schema = include_str!("../../tests/asyncapi/3.0.0.json");
    jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap()
}

#[test]
fn the_document_is_as_the_specification_wants_it() {
    let (official, document) = (official(), document());
    let errors: Vec<_> = official
        .iter_errors(&document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    // The specification's schema is one that refuses.
    let mut wrong = document.clone();
    wrong["operations"]["send.log"]["action"] = "shout".into();
    assert!(!official.is_valid(&wrong));
}

#[test]
fn every_reference_leads_somewhere() {
    fn check(document: &Value, node: &Value) {
        match node {
            Value::Object(members) => {
                if let Some(target) = members.get("$ref").and_then(Value::as_str) {
                    let pointer = target.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{target}");
                }
                for member in members.values() {
                    check(document, member);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| check(document, item)),
            _ => {}
        }
    }
    let document = document();
    check(&document, &document);
}

#[test]
fn topics_have_the_messages_that_the_relay_sends_there() {
    let document = document();
    let messages = |channel: &str| -> Vec<String> {
        let messages = document["channels"][channel]["messages"].as_object();
        messages.unwrap().keys().cloned().collect()
    };
    assert_eq!(messages("seat.expired"), ["frontrow.show.HoldExpired"]);
    assert_eq!(
        messages("payment.completed"),
        ["frontrow.payment.PaymentCompleted"]
    );
    assert_eq!(
        messages("queue.expired"),
        ["frontrow.waiting_room.PassesExpired"]
    );
    assert!(messages("waiting-queue-topic").contains(&"drop.entry.requested".to_owned()));
    assert!(messages("log").contains(&"frontrow.watermark".to_owned()));
}
