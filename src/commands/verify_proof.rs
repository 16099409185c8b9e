//! `frontrow audit verify-proof`: checks a proof with the public key alone. Reads nothing but the file.

use std::{fs, process::ExitCode};

use anyhow::Context;
use audit::seals::{
    note::VerificationKey,
    proof::{self, InclusionProof},
};
use serde_json::{Value, json};

use super::print;
use crate::cli::{Output, VerifyProof};

/// Exit status of a proof that does not hold.
const INVALID: u8 = 1;
/// A proof holds one event of at most half a megabyte, escaped.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

pub(super) fn run(arguments: &VerifyProof, output: Output) -> anyhow::Result<ExitCode> {
    let path = &arguments.file;
    let unread = || format!("{} can't be read", path.display());
    let length = fs::metadata(path).with_context(unread)?.len();
    anyhow::ensure!(
        length <= MAX_BYTES,
        "{} is no proof: it is too large",
        path.display()
    );
    let text = fs::read_to_string(path).with_context(unread)?;
    let no_proof = || format!("{} holds no proof", path.display());
    let mut document: Value = serde_json::from_str(&text).with_context(no_proof)?;
    // A receipt has its proof in a field.
    let proof = document
        .get_mut("proof")
        .map(Value::take)
        .unwrap_or(document);
    let proof: InclusionProof = serde_json::from_value(proof).with_context(no_proof)?;
    let named = arguments.key.as_ref().unwrap_or(&proof.verification_key);
    let key: VerificationKey = named.parse()?;
    let (position, event_type) = (proof.event.position, &proof.event.event_type);
    match (proof::verify(&proof, &[key]), output) {
        (Ok(head), Output::Text) => {
            print(&format!(
                "position {position}, {event_type}: in the log {} of {} events",
                head.origin, head.size
            ))?;
            if arguments.key.is_none() {
                print(&format!(
                    "signed with the key that the proof names: compare it with the one that you were given elsewhere\n{named}"
                ))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        (Ok(head), Output::Json) => {
            let told = json!({"valid": true, "position": position, "log": head.origin, "size": head.size, "key": named});
            print(&told.to_string())?;
            Ok(ExitCode::SUCCESS)
        }
        (Err(invalid), Output::Text) => {
            print(&format!("the proof does NOT hold: {invalid}"))?;
            Ok(ExitCode::from(INVALID))
        }
        (Err(invalid), Output::Json) => {
            let told = json!({"valid": false, "position": position, "why": invalid.to_string()});
            print(&told.to_string())?;
            Ok(ExitCode::from(INVALID))
        }
    }
}
