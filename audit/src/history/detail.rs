//! What an event says, in one line.

use serde_json::{Map, Value};

/// Longest line: a table shows it beside five other columns.
const MAX_CHARS: usize = 160;
/// Fields that say nothing to who reads a history of one thing.
const SILENT: [&str; 3] = ["organizer_id", "prices", "focus"];

/// Fields of one entry of a drop that say nothing to who reads a history of its customer, or what fills the line.
const OF_ENTRIES: [&str; 3] = ["customer_id", "command_id", "entry_id"];

/// Leaves of a list of seats only the one that is asked about: a zone has thousands.
pub(super) fn only_seat(mut payload: Value, guid: &str) -> Value {
    let rows = payload
        .get_mut("SeatsListed")
        .and_then(|listed| listed.get_mut("rows"))
        .and_then(Value::as_array_mut);
    if let Some(rows) = rows {
        rows.retain_mut(|row| {
            let Some(seats) = row.get_mut("seats").and_then(Value::as_array_mut) else {
                return false;
            };
            seats.retain(|seat| seat.get(0).and_then(Value::as_str) == Some(guid));
            !seats.is_empty()
        });
    }
    payload
}

/// Whether an event of a show is about a seat.
pub(super) fn names_seat(payload: &Value, guid: &str) -> bool {
    let Some(fields) = fields(payload) else {
        return false;
    };
    let lists = |value: &Value| {
        let seats = value.get("seats").and_then(Value::as_array);
        seats.into_iter().flatten().any(|seat| {
            // A guid, a seat that was held, a seat of the plan.
            let name = seat.get("seat_guid").or_else(|| seat.get(0));
            name.unwrap_or(seat).as_str() == Some(guid)
        })
    };
    let rows = fields.get("rows").and_then(Value::as_array);
    fields
        .get("seats")
        .is_some_and(|_| lists(&Value::Object(fields.clone())))
        || rows.into_iter().flatten().any(lists)
}

/// A field of an event, where it is a text.
pub(super) fn text_field<'a>(payload: &'a Value, name: &str) -> Option<&'a str> {
    fields(payload)?.get(name)?.as_str()
}

/// The fields behind the event's tag.
fn fields(payload: &Value) -> Option<&Map<String, Value>> {
    payload.as_object()?.values().next()?.as_object()
}

/// One line.
pub(super) fn text(payload: &Value) -> String {
    let mut parts = Vec::new();
    for (name, value) in fields(payload).into_iter().flatten() {
        if !SILENT.contains(&name.as_str())
            && let Some(value) = short(value)
        {
            parts.push(format!("{}={value}", name.trim_end_matches("_id")));
        }
    }
    let line = parts.join(" ");
    match line.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

fn short(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(items) => {
            let named = items.iter().filter_map(|item| {
                let name = item.get("seat_guid").or_else(|| item.get("row"));
                name.unwrap_or(item).as_str().map(ToOwned::to_owned)
            });
            let named: Vec<_> = named.collect();
            // One entry of a drop: whose it is was asked.
            if let ([Value::Object(only)], []) = (&items[..], &named[..]) {
                let says = |name: &String| !OF_ENTRIES.contains(&name.as_str());
                let only = only.clone().into_iter().filter(|(name, _)| says(name));
                return short(&Value::Object(only.collect()));
            }
            if named.is_empty() {
                (!items.is_empty()).then(|| format!("({})", items.len()))
            } else {
                Some(named.join(","))
            }
        }
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .filter_map(|(name, value)| Some(format!("{name}={}", short(value)?)));
            Some(format!("{{{}}}", fields.collect::<Vec<_>>().join(" ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_seat_is_found_wherever_an_event_names_it() {
        for payload in [
            json!({"SeatsHeld": {"seats": [{"seat_guid": "A"}, {"seat_guid": "B"}]}}),
            json!({"HoldExpired": {"seats": ["A", "B"]}}),
            json!({"SeatsListed": {"rows": [{"seats": [["A", "1", 0, 0, 0], ["B", "2", 0, 0, 0]]}]}}),
        ] {
            assert!(names_seat(&payload, "B"), "{payload}");
            assert!(!names_seat(&payload, "C"), "{payload}");
        }
        assert!(!names_seat(&json!({"X": {"reason": "B"}}), "B"));
        assert!(!names_seat(&json!("B"), "B"));
    }

    #[test]
    fn a_line_is_short_and_names_what_matters() {
        let held = json!({"SeatsHeld": {"organizer_id": "o", "reservation_id": "r", "amount": 5, "pass": null,
            "seats": [{"seat_guid": "A-1"}, {"seat_guid": "A-2"}], "standing": {"category": "Pit", "quantity": 2}}});
        let line = text(&held);
        for part in [
            "reservation=r",
            "amount=5",
            "seats=A-1,A-2",
            "standing={category=Pit quantity=2}",
        ] {
            assert!(line.contains(part), "{line}");
        }
        assert!(!line.contains("organizer"), "{line}");
        let long = json!({"X": {"reason": "é".repeat(500)}});
        assert_eq!(text(&long).chars().count(), MAX_CHARS + 3);
        assert_eq!(text(&json!("broken")), "");
    }

    #[test]
    fn of_a_plan_one_seat_is_left() {
        let listed = json!({"SeatsListed": {"rows": [{"row": "1", "seats": [["A", "1"], ["B", "2"]]}, {"row": "2", "seats": [["C", "1"]]}]}});
        assert_eq!(
            only_seat(listed, "B"),
            json!({"SeatsListed": {"rows": [{"row": "1", "seats": [["B", "2"]]}]}})
        );
    }
}
