//! `frontrow asyncapi`: prints the description of the topics.

use std::process::ExitCode;

use super::print;
use crate::asyncapi;

pub(super) fn run() -> anyhow::Result<ExitCode> {
    print(document().trim_end())?;
    Ok(ExitCode::SUCCESS)
}

/// The document as it is committed at `docs/asyncapi.yaml`.
fn document() -> String {
    asyncapi::yaml::write(&asyncapi::document())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_document_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/asyncapi.yaml");
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == document(),
            "docs/asyncapi.yaml is not what the code says: cargo run -- asyncapi > docs/asyncapi.yaml"
        );
    }
}
