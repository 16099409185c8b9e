//! The schemas that are published describe what is stored: every fixture, and nothing else.
#![expect(
    clippy::unwrap_used,
    reason = "a test that can't read its fixtures has failed"
)]

use std::{collections::BTreeMap, fs, path::Path};

use domain::schema::{Edition, EventSchema, events};
use jsonschema::Validator;
use serde_json::{Value, json};

/// The validators by event type; formats count.
fn validators(edition: Edition) -> BTreeMap<&'static str, Validator> {
    let compile = |event: EventSchema| {
        jsonschema::meta::validate(&event.schema).unwrap();
        let options = jsonschema::options().should_validate_formats(true);
        (event.event_type, options.build(&event.schema).unwrap())
    };
    events(edition).into_iter().map(compile).collect()
}

/// The stored fixtures of version 1: name, event type, content.
fn fixtures() -> Vec<(String, String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let paths = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    paths
        .filter_map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if name.ends_with(".expected.json") || !name.contains(".v1.") {
                return None;
            }
            let content: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            let event_type = content.as_object().unwrap().keys().next().unwrap().clone();
            Some((name, event_type, content))
        })
        .collect()
}

#[test]
fn every_fixture_is_as_its_schema_says() {
    for edition in [Edition::Draft2020, Edition::Draft07] {
        let validators = validators(edition);
        for (name, event_type, content) in fixtures() {
            let validator = validators.get(event_type.as_str());
            let validator = validator.unwrap_or_else(|| panic!("{event_type} has no schema"));
            let errors: Vec<_> = validator
                .iter_errors(&content)
                .map(|error| error.to_string())
                .collect();
            assert_eq!(errors, Vec::<String>::new(), "{name}");
        }
    }
}

#[test]
fn every_schema_explains_itself_and_shows_every_fixture() {
    let fixtures = fixtures();
    for event in events(Edition::Draft2020) {
        let (name, schema) = (event.event_type, &event.schema);
        assert_eq!(schema["title"], name);
        assert_eq!(
            schema["$schema"],
            "https://json-schema.org/draft/2020-12/schema"
        );
        assert!(schema["description"].is_string(), "{name}");
        let shown = schema["examples"].as_array().unwrap();
        let kept = fixtures.iter().filter(|(_, event, _)| event == name);
        let kept: Vec<_> = kept.map(|(_, _, content)| content).collect();
        assert!(
            !kept.is_empty() && kept.len() == shown.len(),
            "src/schema/examples.rs does not name every fixture of {name}"
        );
        assert!(kept.into_iter().all(|example| shown.contains(example)));
        let fields = schema["properties"][name]["properties"].as_object();
        for (field, what) in fields.unwrap() {
            assert!(what["description"].is_string(), "{name}.{field}");
        }
    }
}

#[test]
fn what_is_wrong_is_refused() {
    let validators = validators(Edition::Draft2020);
    let customer = "019a0000-0005-7000-8000-000000000001";
    let charge = json!({
        "customer_id": customer,
        "charge_id": "019a0000-0008-7000-8000-000000000001",
        "amount": 100,
        "balance_after": 100,
    });
    let charged = |field: &str, value: Value| {
        let mut charge = charge.clone();
        charge[field] = value;
        json!({ "PointsCharged": charge })
    };
    let validator = &validators["PointsCharged"];
    assert!(validator.is_valid(&json!({ "PointsCharged": charge })));
    // What a later release adds is none of an older reader's business.
    assert!(validator.is_valid(&charged("bonus", json!(5))));
    for wrong in [
        charged("amount", json!("100")),
        charged("amount", json!(1.5)),
        charged("amount", Value::Null),
        charged("customer_id", json!("anna")),
        json!({ "PointsCharged": { "customer_id": customer } }),
        json!({ "PointsDebited": charge }),
        json!({ "PointsCharged": charge, "PointsDebited": charge }),
        charge.clone(),
        json!("PointsCharged"),
    ] {
        assert!(!validator.is_valid(&wrong), "{wrong}");
    }
    let erased = json!({ "CustomerErased": { "customer_id": customer } });
    assert!(validators["CustomerErased"].is_valid(&erased));
    assert!(!validator.is_valid(&erased));
}
