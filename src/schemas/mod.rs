//! The schemas of events as they are published: at `/schemas`, and under `docs/schemas/`.

#[cfg(test)]
mod compatibility;
#[cfg(test)]
mod tests;

use domain::schema::{Edition, events};
use edge::schemas::{Published, path};
use event_store::bus::type_of;
use serde_json::json;

/// Every version of every event that a record may carry, by type.
pub fn published() -> Vec<Published> {
    let mut published: Vec<_> = events(Edition::Draft2020)
        .into_iter()
        .map(|event| {
            let kind = type_of(event.aggregate_type, event.event_type);
            let version = event.event_version.to_owned();
            let mut schema = event.schema;
            schema["$id"] = json!(path(&kind, &version));
            Published {
                kind,
                version,
                schema,
            }
        })
        .collect();
    published.sort_by(|a, b| (&a.kind, &a.version).cmp(&(&b.kind, &b.version)));
    published
}
