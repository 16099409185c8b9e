//! What each event looks like as JSON, for programs that read it elsewhere: a JSON Schema of every version of every event, derived from
//! the events' own types.
//!
//! A schema says what may be met, not what this release writes: a field that may be missing is optional, a field that it does not name may
//! be there and is to be ignored. So a version may gain optional fields; anything else is a new version.

mod examples;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    aggregate::Aggregate, concert::Concert, customer::Customer, drop::FairDrop,
    operation::Operation, payment::Payment, point_account::PointAccount, show::Show,
    stored::CURRENT_VERSION, venue::Venue, waiting_room::WaitingRoom,
};

/// Which edition of JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// 2020-12, the newest.
    Draft2020,
    /// Draft 07, which `AsyncAPI` embeds.
    Draft07,
}

/// The schema of one version of one event.
#[derive(Debug, Clone, PartialEq)]
pub struct EventSchema {
    /// As stored.
    pub aggregate_type: &'static str,
    /// As stored; unique among all aggregates.
    pub event_type: &'static str,
    /// As stored.
    pub event_version: &'static str,
    /// Of the stored payload: `{"SeatsHeld": {...}}`. Complete in itself, with title, description and examples.
    pub schema: Value,
}

/// The schemas of every event of every aggregate.
pub fn events(edition: Edition) -> Vec<EventSchema> {
    [
        of::<Venue>(edition),
        of::<Concert>(edition),
        of::<Show>(edition),
        of::<Payment>(edition),
        of::<PointAccount>(edition),
        of::<Customer>(edition),
        of::<Operation>(edition),
        of::<WaitingRoom>(edition),
        of::<FairDrop>(edition),
    ]
    .concat()
}

/// One for each variant of the aggregate's event, an externally tagged enum.
fn of<A: Aggregate<Event: JsonSchema>>(edition: Edition) -> Vec<EventSchema> {
    let settings = match edition {
        Edition::Draft2020 => SchemaSettings::draft2020_12(),
        Edition::Draft07 => SchemaSettings::draft07(),
    };
    let settings = settings.with(|settings| settings.inline_subschemas = true);
    let uri = settings.meta_schema.clone();
    let generated = settings.into_generator().into_root_schema_for::<A::Event>();
    let variants = generated.get("oneOf").and_then(Value::as_array);
    let variants = variants.into_iter().flatten();
    variants
        .filter_map(Value::as_object)
        .filter_map(|variant| event::<A>(variant, uri.as_deref()))
        .collect()
}

fn event<A: Aggregate>(variant: &Map<String, Value>, uri: Option<&str>) -> Option<EventSchema> {
    let tag = variant.get("required")?.get(0)?.as_str()?;
    let mut names = crate::stored::event_types::<A::Event>().iter();
    let event_type = *names.find(|name| **name == tag)?;
    let mut schema = variant.clone();
    schema.insert("$schema".to_owned(), json!(uri));
    schema.insert("title".to_owned(), json!(event_type));
    // Of a flattened part, not of the whole.
    if let Some(fields) = schema["properties"][event_type].as_object_mut() {
        fields.remove("description");
    }
    let examples = examples::of(event_type, CURRENT_VERSION);
    schema.insert("examples".to_owned(), Value::Array(examples));
    Some(EventSchema {
        aggregate_type: A::TYPE,
        event_type,
        event_version: CURRENT_VERSION,
        schema: Value::Object(schema),
    })
}
