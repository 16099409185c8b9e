//! What may change in a schema that others rely on.

use serde_json::{Map, Value};

/// What is said for people.
const ANNOTATIONS: [&str; 4] = ["title", "description", "examples", "default"];

/// Members that map names to schemas.
const BY_NAME: [&str; 2] = ["properties", "$defs"];

/// What `new` breaks for those who know `old`: anything but further optional properties and other words.
pub(super) fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut broken = Vec::new();
    schema("$", old, new, &mut broken);
    broken
}

fn schema(at: &str, old: &Value, new: &Value, broken: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for name in old
                .keys()
                .chain(new.keys().filter(|name| !old.contains_key(*name)))
            {
                if !ANNOTATIONS.contains(&name.as_str()) {
                    member(&format!("{at}.{name}"), name, old, new, broken);
                }
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                schema(&format!("{at}[{index}]"), old, new, broken);
            }
        }
        _ if old == new => {}
        _ => broken.push(format!("{at} was {old}, is {new}")),
    }
}

fn member(
    at: &str,
    name: &str,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    broken: &mut Vec<String>,
) {
    let (Some(old), Some(new)) = (old.get(name), new.get(name)) else {
        // A schema that had no properties at all may gain some.
        if !(BY_NAME.contains(&name) && old.get(name).is_none()) {
            broken.push(format!("{at} was added or taken away"));
        }
        return;
    };
    match (old.as_object(), new.as_object()) {
        (Some(old), Some(new)) if BY_NAME.contains(&name) => {
            for (property, old) in old {
                match new.get(property) {
                    Some(new) => schema(&format!("{at}.{property}"), old, new, broken),
                    None => broken.push(format!("{at}.{property} was taken away")),
                }
            }
        }
        _ if name == "required" => {
            if sorted(old) != sorted(new) {
                broken.push(format!("{at} was {old}, is {new}"));
            }
        }
        _ => schema(at, old, new, broken),
    }
}

fn sorted(names: &Value) -> Vec<&str> {
    let names = names.as_array().into_iter().flatten();
    let mut names: Vec<_> = names.filter_map(Value::as_str).collect();
    names.sort_unstable();
    names
}
