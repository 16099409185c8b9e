//! The records: headers, keys, values.

use command_api::inbound;
use domain::schema::EventSchema;
use event_store::bus::kafka::{
    WATERMARK,
    headers::{ALL, Described, Form, On},
};
use serde_json::{Map, Value, json};

use super::Known;

/// The edition of JSON Schema of the values.
const DRAFT: &str = "application/schema+json;version=draft-07";

/// Every message, by the name that channels use.
pub(super) fn messages(known: &[Known]) -> Value {
    let mut messages: Map<_, _> = known
        .iter()
        .map(|event| (event.kind.clone(), message(event)))
        .collect();
    messages.insert(WATERMARK.to_owned(), watermark());
    messages.insert(inbound::ENTRY_REQUESTED.to_owned(), entry_requested());
    messages.insert(
        "undecided".to_owned(),
        json!({
            "name": "undecided",
            "title": "A request that was not carried out",
            "summary": "The request as it came, cut to 64 KiB, with the reason in the headers.",
            "headers": {"$ref": "#/components/schemas/refusedHeaders"},
        }),
    );
    Value::Object(messages)
}

/// What messages refer to.
pub(super) fn schemas(known: &[Known]) -> Value {
    let mut schemas: Map<_, _> = known
        .iter()
        .map(|event| (value_name(event), value(event)))
        .collect();
    for (name, on) in [
        ("eventHeaders", &[On::Every, On::Event][..]),
        ("watermarkHeaders", &[On::Every]),
        ("deadLetterHeaders", &[On::DeadLetter]),
        ("refusedHeaders", &[On::DeadLetter, On::Refused]),
    ] {
        schemas.insert(name.to_owned(), headers(on));
    }
    schemas.insert("entryRequest".to_owned(), inbound::entry_schema());
    Value::Object(schemas)
}

fn value_name(event: &Known) -> String {
    format!("{}.v{}", event.kind, event.schema.event_version)
}

/// The schema without what only its document as a whole says.
fn value(event: &Known) -> Value {
    let mut value = event.schema.schema.clone();
    if let Some(members) = value.as_object_mut() {
        members.remove("$schema");
        members.remove("examples");
    }
    value
}

fn message(event: &Known) -> Value {
    let EventSchema {
        event_type,
        event_version,
        schema,
        ..
    } = &event.schema;
    let examples = schema["examples"].as_array().into_iter().flatten();
    let examples: Vec<_> = examples
        .map(|payload| json!({"payload": payload}))
        .collect();
    json!({
        "name": event.kind,
        "title": event_type,
        "summary": schema["description"],
        "contentType": "application/json",
        "headers": {
            "allOf": [
                {"$ref": "#/components/schemas/eventHeaders"},
                {"properties": {
                    "ce_type": {"const": event.kind},
                    "event_type": {"const": event_type},
                    "event_version": {"const": event_version},
                }},
            ],
        },
        "payload": {
            "schemaFormat": DRAFT,
            "schema": {"$ref": format!("#/components/schemas/{}", value_name(event))},
        },
        "bindings": {"kafka": {
            "key": {"type": "string", "description": "The routing key: the show's id for shows, payments and waiting rooms, the customer's for customers and their points, else the stream's own."},
            "bindingVersion": "0.5.0",
        }},
        "examples": examples,
    })
}

fn watermark() -> Value {
    json!({
        "name": WATERMARK,
        "title": "Watermark",
        "summary": "No event, no key and no value: everything up to its position that belongs to the partition was sent before it. \
    Readers move their place on, and hand nothing over.",
        "headers": {
            "allOf": [
                {"$ref": "#/components/schemas/watermarkHeaders"},
                {"properties": {"ce_type": {"const": WATERMARK}}},
            ],
        },
        "payload": {"type": "null"},
    })
}

fn entry_requested() -> Value {
    json!({
        "name": inbound::ENTRY_REQUESTED,
        "title": "A request to enter a drop",
        "summary": "Others write it; Frontrow reads it, and enters the customer once. A producer that sends it again repeats ce_source and ce_id, or idempotency_key.",
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "properties": {
                "ce_type": {"type": "string", "const": inbound::ENTRY_REQUESTED, "description": "May be left out."},
                "ce_id": {"type": "string", "description": "Makes copies of the request one, with ce_source."},
                "ce_source": {"type": "string", "description": "The program that asks."},
                "ce_specversion": {"type": "string", "const": "1.0"},
            },
        },
        "payload": {
            "schemaFormat": DRAFT,
            "schema": {"$ref": "#/components/schemas/entryRequest"},
        },
        "bindings": {"kafka": {
            "key": {"type": "string", "description": "Best the drop's id, or the customer's: requests of one key are read in order."},
            "bindingVersion": "0.5.0",
        }},
        "examples": [{"payload": inbound::entry_example()}],
    })
}

/// The headers that stand on these records.
fn headers(on: &[On]) -> Value {
    let stands = || ALL.iter().filter(|header| on.contains(&header.on));
    let properties: Map<_, _> = stands()
        .map(|header| (header.name.to_owned(), described(header)))
        .collect();
    let required: Vec<_> = stands().map(|header| header.name).collect();
    json!({"type": "object", "properties": properties, "required": required})
}

/// Kafka knows no types of headers: each is text, of some form.
fn described(header: &Described) -> Value {
    let mut schema = match header.form {
        Form::Always(text) => json!({"const": text}),
        Form::Text => json!({}),
        Form::Uuid => json!({"format": "uuid"}),
        Form::Number => json!({"pattern": "^[0-9]+$"}),
        Form::Instant => json!({"format": "date-time"}),
        Form::Strings => json!({"contentMediaType": "application/json"}),
    };
    schema["type"] = json!("string");
    schema["description"] = json!(header.description);
    schema
}
