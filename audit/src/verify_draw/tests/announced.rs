//! A proof of other terms than those that were announced.

use super::*;

/// As `GET /v1/drops/{id}` shows the published drop before its close, with fields that the proof has not.
fn announcement() -> Value {
    let mut drop = published();
    let fields = drop.as_object_mut().unwrap();
    for later in ["format", "list", "secret", "closed_at", "sealed_at", "root"] {
        fields.remove(later);
    }
    drop["beacon"] = json!({"source": "a made-up beacon", "round": 7});
    drop["status"] = json!("open");
    drop["stock_left"] = json!(3);
    drop["entries"] = json!(1);
    drop
}

fn compare(announcement: &Value, proof: &Value) -> Report {
    let announced = Announced::read(announcement.to_string().as_bytes()).unwrap();
    let expected = Expected {
        announced: Some(announced),
        ..Expected::default()
    };
    verify_draw(proof.to_string().as_bytes(), &expected).unwrap()
}

#[test]
fn a_proof_of_what_was_announced_is_accepted() {
    let report = compare(&announcement(), &published());
    assert!(report.is_clean(), "{report}");
    let mut capitals = announcement();
    capitals["commitment"] = json!(capitals["commitment"].as_str().unwrap().to_uppercase());
    capitals["opens_at"] = json!("2026-12-01T18:00:00+09:00");
    let report = compare(&capitals, &published());
    assert!(report.is_clean(), "{report}");
}

#[test]
fn each_term_must_be_as_announced() {
    let id = "019a0000-0020-7000-8000-000000000002";
    for (field, other, finding) in [
        ("drop_id", json!(id), id),
        (
            "title",
            json!("Vinyl"),
            "as \"Vinyl\", the proof has \"Signed vinyl\"",
        ),
        ("stock", json!(10), "as 10, the proof has 3"),
        (
            "win_probability",
            json!("0.9"),
            "as \"0.9\", the proof has \"0.5\"",
        ),
        ("price", json!(4), "as 4, the proof has 40"),
        ("opens_at", json!("2026-12-01T08:00:00Z"), "08:00:00 UTC"),
        ("closes_at", json!("2026-12-01T11:00:00Z"), "11:00:00 UTC"),
        ("draw", json!("on_entry"), "as \"on_entry\""),
        ("commitment", json!("c0"), "as \"c0\""),
        (
            "beacon",
            json!(null),
            "as none, the proof has \"a made-up beacon\", round 7",
        ),
        (
            "beacon",
            json!({"source": "a made-up beacon", "round": 8}),
            "round 8, the proof has",
        ),
        (
            "beacon",
            json!({"source": "another", "round": 7}),
            "as \"another\", round 7",
        ),
    ] {
        let mut announced = announcement();
        announced[field] = other;
        let findings = compare(&announced, &published()).findings;
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].starts_with(field), "{findings:?}");
        assert!(findings[0].contains(finding), "{findings:?}");
    }
}

#[test]
fn what_announces_no_drop_is_not_compared() {
    assert!(Announced::read(&b"{}"[..]).is_err());
    let mut without_price = announcement();
    without_price.as_object_mut().unwrap().remove("price");
    assert!(Announced::read(without_price.to_string().as_bytes()).is_err());
}
