//! Times and price.

use super::*;

#[test]
fn times_that_cant_be_are_refused() {
    for (field, time, because) in [
        ("closed_at", json!(null), "not said when the drop closed"),
        (
            "sealed_at",
            json!(null),
            "not said when the list was sealed",
        ),
        (
            "closed_at",
            json!("2026-12-01T10:00:00.121Z"),
            "the list was sealed at",
        ),
        (
            "closed_at",
            json!("2026-12-01T08:59:59Z"),
            "closed at 2026-12-01 08:59:59 UTC with entries",
        ),
        ("closes_at", json!("2026-12-01T09:00:00Z"), "and opens at"),
    ] {
        let mut proof = published();
        proof[field] = time;
        refused(&proof, because);
    }
    let mut proof = published();
    proof.as_object_mut().unwrap().remove("closed_at");
    refused(&proof, "not said when the drop closed");
}

#[test]
fn what_is_no_time_or_price_is_not_checked() {
    for (field, bad) in [
        ("closed_at", json!("yesterday")),
        ("opens_at", json!(null)),
        ("closes_at", json!(0)),
        ("price", json!("40")),
    ] {
        let mut proof = published();
        proof[field] = bad;
        assert!(verify_draw(proof.to_string().as_bytes(), &Expected::default()).is_err());
    }
}

#[test]
fn a_drop_may_close_early() {
    let mut proof = published();
    proof["closed_at"] = json!("2026-12-01T09:00:00Z");
    assert_eq!(check(&proof).findings, Vec::<String>::new());
    // Called off before it opened; the root is that of no entries.
    proof["closed_at"] = json!("2026-12-01T08:00:00Z");
    (proof["list"], proof["entries"]) = (json!([]), json!(0));
    proof["root"] = json!("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(check(&proof).findings, Vec::<String>::new());
}

#[test]
fn a_price_that_cant_be_is_refused() {
    let mut proof = published();
    proof["price"] = json!(-1);
    refused(&proof, "the price is -1");
}

#[test]
fn nobody_forfeits_what_is_free() {
    let mut proof = published();
    assert!(!result_of(&proof, "forfeited").is_empty());
    proof["price"] = json!(0);
    refused(&proof, "there was nothing to pay");
}
