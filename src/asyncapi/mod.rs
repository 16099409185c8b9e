//! The description of every topic on Kafka: what is written there, and what others may write. Made from the same code that writes it:
//! the events' schemas, the headers' table, the relay's routes.

mod channels;
mod messages;
#[cfg(test)]
mod tests;
pub mod yaml;

use domain::schema::{Edition, EventSchema, events};
use serde_json::{Value, json};

/// Which edition of `AsyncAPI`: what tools read.
const EDITION: &str = "3.0.0";

const ABOUT: &str = "What Frontrow writes to Kafka, and what other programs may write for it to read. Records are CloudEvents 1.0 in Kafka's \
binary mode: what is known about an event is in the headers, its payload is the value. The log's topic holds every event, in order for each \
key; the other topics hold second records of some of them. Second records come at least once: drop those whose ce_id you have seen. See \
docs/topics.md.";

/// An event on the topics.
pub(crate) struct Known {
    /// Its schema, in the edition that this document embeds.
    pub(crate) schema: EventSchema,
    /// As the header `ce_type` names it.
    pub(crate) kind: String,
}

/// The whole document.
pub fn document() -> Value {
    let known: Vec<_> = events(Edition::Draft07)
        .into_iter()
        .map(|schema| Known {
            kind: event_store::bus::type_of(schema.aggregate_type, schema.event_type),
            schema,
        })
        .collect();
    json!({
        "asyncapi": EDITION,
        "info": {
            "title": "Frontrow's topics",
            "version": "1",
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "localhost:9092",
                "protocol": "kafka",
                "description": "The brokers of bus.url. Who may read or write which topic is for Kafka's ACLs to say.",
            },
        },
        "channels": channels::channels(&known),
        "operations": channels::operations(),
        "components": {
            "messages": messages::messages(&known),
            "schemas": messages::schemas(&known),
        },
    })
}
