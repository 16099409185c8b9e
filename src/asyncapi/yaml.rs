//! Writes YAML. Strings are written as JSON writes them, which YAML reads as the same; so nothing can be taken for something else.

use std::fmt::Write;

use serde_json::Value;

/// Words that YAML's readers may take for something else than a name.
const RESERVED: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

/// The document, in blocks.
pub fn write(document: &Value) -> String {
    let mut out = String::new();
    node(document, 0, &mut out);
    out.trim_start().to_owned()
}

/// What comes behind `key:` or `-`.
fn node(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                line(depth, out);
                let _ = write!(out, "{}:", key(name));
                node(value, depth + 1, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                line(depth, out);
                out.push('-');
                node(item, depth + 1, out);
            }
        }
        plain => {
            let _ = writeln!(out, " {plain}");
        }
    }
}

/// Begins a line; behind a key or a dash, ends that one first.
fn line(depth: usize, out: &mut String) {
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
    out.extend(std::iter::repeat_n("  ", depth));
}

fn key(name: &str) -> String {
    let is_plain = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        && !RESERVED.contains(&name.to_ascii_lowercase().as_str());
    if is_plain {
        name.to_owned()
    } else {
        Value::from(name).to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn blocks_are_indented_and_strings_are_quoted() {
        let document = json!({
            "a": {"$ref": "#/x", "no": [], "n.1": null},
            "b": [1, {"c": "it's: \"so\"\n", "d": [[true]]}, {}],
        });
        let expected = "a:\n  \"$ref\": \"#/x\"\n  n.1: null\n  \"no\": []\nb:\n  - 1\n  -\n    c: \"it's: \\\"so\\\"\\n\"\n    d:\n      -\n        - true\n  - {}\n";
        assert_eq!(write(&document), expected);
    }
}
