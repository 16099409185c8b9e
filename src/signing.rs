//! The keys of tokens: who signs, and whose signatures are trusted.

use std::path::Path;

use anyhow::Context;
use edge::auth::{PublicKey, Signer};

use crate::config::Settings;

/// The key that this installation signs with: the configured one, or the data folder's, which is made where it is missing.
///
/// # Errors
/// A file that can't be read, or holds no key.
pub fn signer(settings: &Settings) -> anyhow::Result<Signer> {
    let path = &settings.auth.signing_key;
    if path.is_empty() {
        return Ok(Signer::open(&settings.server.data)?);
    }
    Signer::read(Path::new(path)).with_context(|| {
        format!("auth.signing_key can't be used; a new key is made by: frontrow keys new {path}")
    })
}

/// The keys whose tokens are trusted: the configured ones, and the public half of `signer`.
///
/// # Errors
/// A file that can't be read, or holds no public key.
pub fn trusted(settings: &Settings, signer: Option<&Signer>) -> anyhow::Result<Vec<PublicKey>> {
    let mut keys: Vec<_> = signer.map(Signer::public_key).into_iter().collect();
    for path in &settings.auth.trusted_keys {
        let read = PublicKey::read(Path::new(path)).context("auth.trusted_keys can't be used")?;
        keys.extend(read);
    }
    Ok(keys)
}
