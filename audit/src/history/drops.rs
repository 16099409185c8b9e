//! Drops in histories. Their events name up to a thousand entrants each: a history has those that it is about, or how many they were.

use aws_lc_rs::digest::{SHA256, digest};
use domain::ids::{CustomerId, DropEntryId, DropId};
use serde_json::{Map, Value, json};
use uuid::{Builder, Uuid};

/// What the id of an entry begins its hash with; permanent.
const ENTRY_DOMAIN: &[u8] = b"frontrow/drop-entry/1";
/// The lists of a drop's events.
const LISTS: [&str; 4] = ["entries", "drawn", "settled", "promoted"];

/// The entry of a customer in a drop: it follows from both.
pub(super) fn entry_id(drop: DropId, customer: CustomerId) -> DropEntryId {
    let parts = [ENTRY_DOMAIN, drop.0.as_bytes(), customer.0.as_bytes()].concat();
    let all = digest(&SHA256, &parts);
    let mut first = [0; 16];
    first.copy_from_slice(&all.as_ref()[..16]);
    DropEntryId(Builder::from_custom_bytes(first).into_uuid())
}

/// Leaves of each list of entrants only the customer's own.
pub(super) fn only_customer(mut payload: Value, customer: Uuid) -> Value {
    let customer = customer.to_string();
    for list in lists(&mut payload).filter_map(|(_, list)| list.as_array_mut()) {
        list.retain(|entry| entry["customer_id"] == *customer);
    }
    payload
}

/// Says of each list of entrants how many they are, and what became of how many.
pub(super) fn counted(mut payload: Value) -> Value {
    for (_, list) in lists(&mut payload) {
        let Some(entries) = list.as_array() else {
            continue;
        };
        let mut counts = Map::from_iter([("count".to_owned(), json!(entries.len()))]);
        for entry in entries {
            let outcome = entry.get("result").or_else(|| entry.get("outcome"));
            if let Some(outcome) = outcome.and_then(Value::as_str) {
                let count = counts.entry(outcome).or_insert(json!(0));
                *count = json!(count.as_u64().unwrap_or_default() + 1);
            }
        }
        *list = Value::Object(counts);
    }
    payload
}

/// The lists of entrants of an event. The length of a list goes by the same name as the list; it is no list.
fn lists(payload: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    let fields = payload
        .as_object_mut()
        .and_then(|event| event.values_mut().next())
        .and_then(Value::as_object_mut);
    fields
        .into_iter()
        .flatten()
        .filter(|(name, value)| LISTS.contains(&name.as_str()) && value.is_array())
}

#[cfg(test)]
mod tests {
    use command_api::drops::fairness;

    use super::*;

    #[test]
    fn an_entry_has_the_id_that_it_was_given() {
        let (drop, customer) = (DropId(Uuid::from_u128(3)), CustomerId(Uuid::from_u128(4)));
        assert_eq!(entry_id(drop, customer), fairness::entry_id(drop, customer));
    }

    #[test]
    fn lists_are_cut_to_one_customer_or_counted() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let drawn = json!({"EntriesDrawn": {"stock_left": 0, "drawn": [
            {"customer_id": one, "result": "won"}, {"customer_id": other, "result": "lost"},
            {"customer_id": other, "result": "lost"}]}});
        assert_eq!(
            only_customer(drawn.clone(), one),
            json!({"EntriesDrawn": {"stock_left": 0, "drawn": [{"customer_id": one, "result": "won"}]}})
        );
        assert_eq!(
            counted(drawn),
            json!({"EntriesDrawn": {"stock_left": 0, "drawn": {"count": 3, "lost": 2, "won": 1}}})
        );
        for same in [
            json!({"DropClosed": {"entries": 3}}),
            json!("broken"),
            json!({"X": 1}),
        ] {
            assert_eq!(counted(same.clone()), same);
            assert_eq!(only_customer(same.clone(), one), same);
        }
    }
}
