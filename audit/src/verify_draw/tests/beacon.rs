//! What a draw rests on.

use super::*;

#[test]
fn a_swapped_beacon_is_refused() {
    let mut proof = published();
    proof["beacon"]["value"] = json!("another value");
    refused(&proof, "the lot of entry");
    let mut early = published();
    early["beacon"]["recorded_at"] = json!("2020-01-01T00:00:00Z");
    refused(&early, "before the list was sealed");
}

#[test]
fn a_value_that_was_not_signed_is_refused() {
    let mut proof = published();
    proof["beacon"]["signature"] = json!("5e".repeat(48));
    refused(&proof, "not the SHA-256 of its signature");
    let value = hex(digest(&SHA256, &[0x5e; 48]).as_ref());
    proof["beacon"]["value"] = json!(value);
    let report = check(&proof);
    assert!(!report.to_string().contains("SHA-256"), "{report}");
    proof["beacon"]["signature"] = json!("5E");
    refused(&proof, "not the SHA-256 of its signature");
}

#[test]
fn a_round_that_was_known_before_the_list_was_sealed_is_refused() {
    let mut proof = published();
    proof["beacon"]["source"] = json!("drand quicknet");
    // 2026-02-11T09:49:24Z: long before the list was sealed.
    proof["beacon"]["round"] = json!(26_000_000);
    refused(&proof, "before the list was sealed");
    // 2026-12-01T10:02:06Z: behind the seal at 10:00:00, and told a second later.
    proof["beacon"]["round"] = json!(34_438_654);
    assert_eq!(check(&proof).findings, Vec::<String>::new());
    proof["beacon"]["round"] = json!(34_438_655);
    refused(&proof, "before there was one");
}

#[test]
fn a_round_that_no_time_can_be_told_of_is_refused() {
    for (source, round) in [
        ("drand quicknet", 3_000_000_000_000_u64),
        ("drand default", 2_000_000_000_000),
        ("drand quicknet", u64::MAX),
        ("drand default", u64::MAX),
    ] {
        let mut proof = published();
        proof["beacon"]["source"] = json!(source);
        proof["beacon"]["round"] = json!(round);
        refused(&proof, "centuries away");
    }
    let mut proof = published();
    proof["beacon"]["round"] = json!(0);
    refused(&proof, "the first is 1");
}

#[test]
fn a_known_beacon_is_known_however_it_is_written() {
    let mut proof = published();
    proof["beacon"]["round"] = json!(26_000_000);
    for source in ["drand quicknet ", "\tDrand Quicknet", "DRAND QUICKNET"] {
        proof["beacon"]["source"] = json!(source);
        refused(&proof, "before the list was sealed");
    }
    // Of another nothing is wrong, and its times are left to the reader.
    for source in ["drand evmnet", "Drand  Quicknet", "drand-quicknet"] {
        proof["beacon"]["source"] = json!(source);
        let report = check(&proof);
        assert!(report.is_clean(), "{report}");
        assert!(report.to_string().contains("check by yourself"), "{report}");
    }
}

#[test]
fn a_beacon_that_no_drop_takes_is_refused() {
    for value in [String::new(), " ".to_owned(), "b".repeat(257)] {
        let mut proof = published();
        proof["beacon"]["value"] = json!(value);
        refused(&proof, "value is no text");
    }
    for (field, bad) in [("source", 201), ("signature", 257)] {
        let mut proof = published();
        proof["beacon"][field] = json!("b".repeat(bad));
        refused(&proof, &format!("{field} is no text"));
    }
    let mut proof = published();
    proof["draw"] = json!("on_entry");
    refused(&proof, "drawn on entry has no beacon");
    proof["fairness"] = json!("operator-trusted");
    refused(&proof, "drawn on entry has no beacon");
    proof["fairness"] = json!("beacon");
    proof["beacon"] = json!(null);
    refused(&proof, "drawn on entry has no beacon");
    refused(&proof, "and there is none");
}

#[test]
fn a_beacon_told_at_the_instant_of_the_seal_is_pointed_out() {
    let mut proof = published();
    proof["beacon"]["recorded_at"] = proof["sealed_at"].clone();
    let report = check(&proof);
    // Genuine where the drop's clock stood, or was set back: its stream goes on with the time it had.
    assert!(report.is_clean(), "{report}");
    assert!(report.notes[0].contains("very instant"), "{report}");
}
