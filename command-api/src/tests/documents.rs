//! What is written about the API agrees with the code.

use std::collections::BTreeSet;

use crate::codes;

/// The codes and statuses in the table under `heading`.
fn table(heading: &str) -> Vec<(&'static str, u16)> {
    let document = include_str!("../../../docs/errors.md");
    let section = document
        .split("\n## ")
        .find(|section| section.starts_with(heading))
        .unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let (code, rest) = row.split_once("` | ").unwrap();
        (code, rest.split(' ').next().unwrap().parse().unwrap())
    })
    .collect()
}

#[test]
fn every_code_of_a_command_is_documented_and_nothing_else() {
    let documented = table("Commands");
    let defined = codes::ALL
        .iter()
        .map(|code| (code.name, code.status.as_u16()));
    let set: BTreeSet<_> = documented.iter().copied().collect();
    assert_eq!(set, defined.collect());
    assert!(documented.is_sorted(), "the table is in alphabetical order");
    assert_eq!(set.len(), documented.len(), "no code stands twice");
}

#[test]
fn every_call_is_described() {
    let description = crate::openapi();
    let paths: BTreeSet<_> = description.paths.paths.keys().map(String::as_str).collect();
    for path in [
        "/v1/concerts",
        "/v1/payments",
        "/v1/payments/{id}/refund",
        "/v1/points/charges",
        "/v1/reservations",
        "/v1/reservations/{id}/cancel",
        "/v1/reservations/{id}/extend",
        "/v1/shows",
        "/v1/shows/{id}/blocks",
        "/v1/shows/{id}/blocks/release",
        "/v1/shows/{id}/cancel",
        "/v1/venues",
        "/v1/waiting-room/{show_id}/entries",
        "/v1/waiting-room/{show_id}/pause",
        "/v1/waiting-room/{show_id}/resume",
    ] {
        let post = description
            .paths
            .paths
            .get(path)
            .and_then(|item| item.post.as_ref());
        let post = post.unwrap_or_else(|| panic!("no POST {path} among {paths:?}"));
        for status in ["400", "401", "403", "404", "409", "422", "503"] {
            assert!(
                post.responses.responses.contains_key(status),
                "{path}: {status}"
            );
        }
    }
}
