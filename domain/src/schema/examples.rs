//! What events look like: those that `fixtures/` keeps, compiled in.

use serde_json::Value;

macro_rules! fixtures {
    ($($name:literal,)*) => {
        /// Each fixture's name and content, by name.
        const FIXTURES: &[(&str, &str)] = &[
            $(($name, include_str!(concat!("../../fixtures/", $name, ".json"))),)*
        ];
    };
}

// A test compares this list with the folder.
fixtures! {
    "beacon_recorded.v1",
    "beacon_recorded.v1.signed",
    "concert_announced.v1",
    "concert_announced.v1.plain",
    "concert_revised.v1",
    "customer_erased.v1",
    "customer_erased.v1.resumed",
    "customer_registered.v1",
    "customer_updated.v1",
    "customers_admitted.v1",
    "drop_closed.v1",
    "drop_closed.v1.in_hand",
    "drop_opened.v1",
    "drop_opened.v1.on_entry",
    "entries_drawn.v1",
    "entries_recorded.v1",
    "entries_sealed.v1",
    "flow_changed.v1",
    "flow_changed.v1.drawn",
    "hold_expired.v1",
    "hold_expired.v1.standing",
    "hold_extended.v1",
    "hold_released.v1",
    "hold_released.v1.standing",
    "numbers_reserved.v1",
    "operator_acted.v1",
    "operator_acted.v1.plain",
    "passes_expired.v1",
    "payment_abandoned.v1",
    "payment_completed.v1",
    "payment_failed.v1",
    "payment_refunded.v1",
    "payment_requested.v1",
    "personal_data_destroyed.v1",
    "points_charged.v1",
    "points_credited.v1",
    "points_debit_barred.v1",
    "points_debited.v1",
    "refund_requested.v1",
    "reservation_cancelled.v1",
    "reservation_confirmed.v1",
    "reservation_confirmed.v1.standing",
    "seats_blocked.v1",
    "secret_revealed.v1",
    "seats_held.v1",
    "seats_held.v1.pass",
    "seats_held.v1.standing",
    "seats_listed.v1",
    "seats_listed.v1.continued",
    "seats_unblocked.v1",
    "show_cancelled.v1",
    "show_scheduled.v1",
    "show_scheduled.v1.open_end",
    "show_scheduled.v1.waiting_room",
    "standbys_dismissed.v1",
    "standing_area_added.v1",
    "standing_listed.v1",
    "venue_registered.v1",
    "winners_settled.v1",
    "zone_added.v1",
    "zone_added.v1.continued",
}

/// The stored forms of an event in one version, the plainest first.
pub(super) fn of(event_type: &str, version: &str) -> Vec<Value> {
    let stem = format!("{}.v{version}", snake(event_type));
    let is_its = |name: &str| {
        let rest = name.strip_prefix(&stem);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    FIXTURES
        .iter()
        .filter(|(name, _)| is_its(name))
        .filter_map(|(_, text)| serde_json::from_str(text).ok())
        .collect()
}

/// `seats_held` for `SeatsHeld`.
fn snake(event_type: &str) -> String {
    let mut name = String::new();
    for letter in event_type.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}
