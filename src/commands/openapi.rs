//! `frontrow openapi`: prints the description of the HTTP API.

use std::process::ExitCode;

use super::print;
use crate::api;

pub(super) fn run() -> anyhow::Result<ExitCode> {
    print(document()?.trim_end())?;
    Ok(ExitCode::SUCCESS)
}

/// The document as it is committed at `docs/openapi.json`.
///
/// # Errors
/// None in a program that passed its tests.
pub fn document() -> anyhow::Result<String> {
    Ok(api::openapi().to_pretty_json()? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_document_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == document().unwrap(),
            "docs/openapi.json is not what the code says: cargo run -- openapi > docs/openapi.json"
        );
    }
}
