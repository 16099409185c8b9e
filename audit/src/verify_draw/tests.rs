//! A published proof is accepted; one that anything was done to is not.

mod announced;
mod beacon;
mod terms;

use serde_json::{Value, json};

use super::*;

/// The proof that the documentation shows.
const PUBLISHED: &str = include_str!("../../../docs/drop-proof.example.json");

fn check(proof: &Value) -> Report {
    verify_draw(proof.to_string().as_bytes(), &Expected::default()).unwrap()
}

fn published() -> Value {
    serde_json::from_str(PUBLISHED).unwrap()
}

fn result_of<'p>(proof: &'p Value, result: &str) -> Vec<(usize, &'p Value)> {
    let list = proof["list"].as_array().unwrap();
    let with = list
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry[1] == result);
    with.collect()
}

/// What was done to a proof must be found, and found for that reason.
#[track_caller]
fn refused(proof: &Value, because: &str) {
    let report = check(proof);
    assert!(
        report
            .findings
            .iter()
            .any(|finding| finding.contains(because)),
        "{because}: {:?}",
        report.findings
    );
}

#[test]
fn a_published_proof_is_accepted() {
    let report = check(&published());
    assert_eq!(report.findings, Vec::<String>::new());
    assert!(report.won > 0 && report.won <= report.stock as usize);
    assert!(
        report.winning > report.won,
        "the stock was short, so that the order mattered"
    );
    assert_eq!(report.fairness, "beacon");
}

#[test]
fn ones_own_entry_is_shown() {
    let proof = published();
    let (number, own) = result_of(&proof, "won")[0];
    let id = own[0].as_str().unwrap().parse().unwrap();
    let expected = Expected {
        entry: Some(id),
        ..Expected::default()
    };
    let report = verify_draw(PUBLISHED.as_bytes(), &expected).unwrap();
    let entry = report.entry.clone().unwrap();
    assert!(report.is_clean());
    assert_eq!(
        (entry.number, entry.result.as_deref()),
        (Some(number), Some("won"))
    );
    let stranger = Expected {
        entry: Some(Uuid::from_u128(5)),
        ..Expected::default()
    };
    let report = verify_draw(PUBLISHED.as_bytes(), &stranger).unwrap();
    assert!(
        report.findings[0].contains("is not in the list"),
        "{report}"
    );
}

#[test]
fn what_was_published_beforehand_must_be_what_is_proved() {
    let other = Some("00".repeat(32));
    for expected in [
        Expected {
            commitment: other.clone(),
            ..Expected::default()
        },
        Expected {
            root: other.clone(),
            ..Expected::default()
        },
    ] {
        let report = verify_draw(PUBLISHED.as_bytes(), &expected).unwrap();
        assert!(report.findings[0].contains("was published as"), "{report}");
    }
}

#[test]
fn a_changed_secret_is_refused() {
    let mut proof = published();
    proof["secret"] = json!("11".repeat(32));
    refused(&proof, "not the one that was committed to");
    // With a commitment to match, every lot is another.
    proof["commitment"] = json!(hex(digest(&SHA256, &[0x11; 32]).as_ref()));
    refused(&proof, "the lot of entry");
}

#[test]
fn an_added_entry_is_refused() {
    let mut proof = published();
    let added = json!([Uuid::from_u128(7), "lost", null, "ffffffffffffffff"]);
    proof["list"].as_array_mut().unwrap().push(added);
    proof["entries"] = json!(proof["list"].as_array().unwrap().len());
    refused(&proof, "its root is another");
}

#[test]
fn a_dropped_entry_is_refused() {
    let mut proof = published();
    let (number, _) = result_of(&proof, "lost")[0];
    proof["list"].as_array_mut().unwrap().remove(number);
    proof["entries"] = json!(proof["list"].as_array().unwrap().len());
    refused(&proof, "its root is another");
}

#[test]
fn texts_of_the_file_move_no_cursor() {
    let escape = "\u{1b}[2J\u{9b}A\u{202e}\r";
    let mut proof = published();
    for field in ["title", "draw", "fairness", "commitment", "root"] {
        proof[field] = json!(escape);
    }
    proof["format"] = json!(escape);
    proof["win_probability"] = json!(escape);
    for field in ["source", "value", "signature"] {
        proof["beacon"][field] = json!(escape);
    }
    let own = proof["list"][0][0].as_str().unwrap().parse().unwrap();
    (proof["list"][0][1], proof["list"][0][3]) = (json!(escape), json!(escape));
    let expected = Expected {
        entry: Some(own),
        commitment: Some("c0".to_owned()),
        root: Some("a0".to_owned()),
        ..Expected::default()
    };
    for probability in [escape, "0.5"] {
        proof["win_probability"] = json!(probability);
        let report = verify_draw(proof.to_string().as_bytes(), &expected).unwrap();
        let text = report.to_string();
        let is_plain = |c: char| c == '\n' || c == ' ' || c.is_ascii_graphic();
        assert!(text.chars().all(is_plain), "{text:?}");
    }
}

#[test]
fn hexadecimal_may_be_in_capitals() {
    let proof = published();
    let capitals = |field: &str| Some(proof[field].as_str().unwrap().to_uppercase());
    let expected = Expected {
        commitment: capitals("commitment"),
        root: capitals("root"),
        ..Expected::default()
    };
    let report = verify_draw(PUBLISHED.as_bytes(), &expected).unwrap();
    assert!(report.is_clean(), "{report}");
}

#[test]
fn places_are_told_in_words() {
    let mut proof = published();
    let winner = result_of(&proof, "won")[0].0;
    let place = proof["list"][winner][2].take();
    refused(
        &proof,
        &format!("has no place among the winning lots, not place {place}"),
    );
}

#[test]
fn a_moved_winner_is_refused() {
    let mut proof = published();
    let (one, two) = (result_of(&proof, "won")[0].0, result_of(&proof, "won")[1].0);
    let place = proof["list"][one][2].clone();
    proof["list"][one][2] = proof["list"][two][2].clone();
    proof["list"][two][2] = place;
    refused(&proof, "among the winning lots");
    // The good given to one whose lot wins, too, but comes later.
    let mut proof = published();
    let winner = result_of(&proof, "won")[0].0;
    let later = result_of(&proof, "lost")
        .into_iter()
        .find(|(_, entry)| !entry[2].is_null());
    let later = later.unwrap().0;
    proof["list"][winner][1] = json!("lost");
    proof["list"][later][1] = json!("won");
    refused(&proof, "of the stock were left");
}

#[test]
fn one_too_many_winners_is_refused() {
    let mut proof = published();
    let lost = result_of(&proof, "lost");
    let standby = lost
        .iter()
        .find(|(_, entry)| !entry[2].is_null())
        .unwrap()
        .0;
    let loser = lost.iter().find(|(_, entry)| entry[2].is_null()).unwrap().0;
    let mut with_standby = published();
    with_standby["list"][standby][1] = json!("won");
    refused(&with_standby, "won, and there were");
    proof["list"][loser][1] = json!("won");
    refused(&proof, "its lot does not win");
}

#[test]
fn another_stock_or_chance_is_refused() {
    let mut proof = published();
    proof["stock"] = json!(proof["stock"].as_u64().unwrap() + 1);
    refused(&proof, "of the stock were left");
    let mut proof = published();
    proof["win_probability"] = json!("0.9");
    refused(&proof, "among the winning lots");
}

#[test]
fn what_is_no_proof_is_not_checked() {
    assert!(verify_draw(&b"{}"[..], &Expected::default()).is_err());
}
