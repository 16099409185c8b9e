//! What was published stays true. To publish what is new: `FRONTROW_PUBLISH_SCHEMAS=1 cargo test --lib schemas`, which never replaces a
//! schema by one that breaks it.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{compatibility::breaks, published};

const PUBLISH: &str = "FRONTROW_PUBLISH_SCHEMAS";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas")
}

#[test]
fn a_published_schema_changes_only_as_readers_can_bear() {
    let publishes = env::var_os(PUBLISH).is_some();
    let mut files = BTreeSet::new();
    for one in published() {
        let folder = folder().join(&one.kind);
        let path = folder.join(format!("{}.json", one.version));
        let name = path.display();
        let new = serde_json::to_string_pretty(&one.schema).unwrap() + "\n";
        let old = fs::read_to_string(&path).ok();
        if let Some(old) = &old {
            let broken = breaks(&serde_json::from_str(old).unwrap(), &one.schema);
            assert_eq!(
                broken,
                Vec::<String>::new(),
                "{name}: this is a new version of the event"
            );
        }
        if publishes {
            fs::create_dir_all(folder).unwrap();
            fs::write(&path, &new).unwrap();
        } else {
            let is_current = old.as_deref() == Some(&*new);
            assert!(
                is_current,
                "{name} is not what the code says: {PUBLISH}=1 cargo test --lib schemas"
            );
        }
        files.insert(path);
    }
    for kind in fs::read_dir(folder()).unwrap() {
        for file in fs::read_dir(kind.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            assert!(
                files.contains(&path),
                "{} is published no more",
                path.display()
            );
        }
    }
}

fn event(fields: &Value, required: &[&str]) -> Value {
    json!({
        "title": "Held",
        "type": "object",
        "required": ["Held"],
        "properties": {"Held": {"type": "object", "properties": fields, "required": required}},
    })
}

#[test]
fn optional_fields_and_words_may_be_added() {
    let old = event(&json!({"a": {"type": "string"}}), &["a"]);
    let new = event(
        &json!({"a": {"type": "string", "description": "Better said."}, "b": {"type": "integer"}}),
        &["a"],
    );
    assert_eq!(breaks(&old, &old), Vec::<String>::new());
    assert_eq!(breaks(&old, &new), Vec::<String>::new());
}

#[test]
fn anything_else_breaks_readers() {
    let old = event(
        &json!({"a": {"type": "string"}, "b": {"enum": ["x"]}, "title": {"type": "string"}}),
        &["a"],
    );
    let title = json!({"type": "string"});
    let b = json!({"enum": ["x"]});
    for (why, fields, required) in [
        (
            "a field is gone",
            json!({"a": {"type": "string"}, "b": b}),
            vec!["a"],
        ),
        (
            "another type",
            json!({"a": {"type": "integer"}, "b": b, "title": title}),
            vec!["a"],
        ),
        (
            "a narrower one",
            json!({"a": {"type": "string", "maxLength": 3}, "b": b, "title": title}),
            vec!["a"],
        ),
        (
            "a new value",
            json!({"a": {"type": "string"}, "b": {"enum": ["x", "y"]}, "title": title}),
            vec!["a"],
        ),
        (
            "may be missing",
            json!({"a": {"type": "string"}, "b": b, "title": title}),
            vec![],
        ),
        (
            "must be there",
            json!({"a": {"type": "string"}, "b": b, "title": title}),
            vec!["a", "b"],
        ),
    ] {
        assert_eq!(breaks(&old, &event(&fields, &required)).len(), 1, "{why}");
    }
}
