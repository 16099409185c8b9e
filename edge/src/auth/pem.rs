//! PEM, as RFC 7468 has it: one document of a kind in a text.

use base64::{Engine, engine::general_purpose::STANDARD};

/// Line length of RFC 7468.
const LINE: usize = 64;

/// The text of `der`, a document of kind `label`.
pub(super) fn encode(label: &str, der: &[u8]) -> String {
    let mut pem = format!("-----BEGIN {label}-----");
    for (index, letter) in STANDARD.encode(der).chars().enumerate() {
        if index % LINE == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem + &format!("\n-----END {label}-----\n")
}

/// The first document of kind `label` in a text.
pub(super) fn decode(label: &str, pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once(&format!("-----BEGIN {label}-----"))?;
    let (text, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let text: String = text.split_whitespace().collect();
    STANDARD.decode(text).ok()
}
