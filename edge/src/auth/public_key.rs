//! Public halves of signing keys: what a process needs that checks tokens and issues none.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{KeyError, pem};

const PEM_LABEL: &str = "PUBLIC KEY";
/// What stands before the 32 bytes of an Ed25519 key in its DER (RFC 8410).
const DER_HEAD: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
/// Length of an Ed25519 public key.
const BYTES: usize = 32;

/// The public half of a signing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// Names the key in the head of a token.
    pub kid: String,
    /// Ed25519, 32 bytes.
    pub bytes: Vec<u8>,
}

impl PublicKey {
    /// The key of these bytes, under the name that all processes know it by.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        let kid = URL_SAFE_NO_PAD.encode(&digest(&SHA256, &bytes).as_ref()[..9]);
        Self { kid, bytes }
    }

    /// As a file keeps it.
    pub fn to_pem(&self) -> String {
        pem::encode(PEM_LABEL, &[&DER_HEAD[..], &self.bytes].concat())
    }

    /// The key in `text`, if there is one.
    pub fn from_pem(text: &str) -> Option<Self> {
        let der = pem::decode(PEM_LABEL, text)?;
        let bytes = der.strip_prefix(&DER_HEAD[..])?;
        (bytes.len() == BYTES).then(|| Self::new(bytes.to_vec()))
    }

    /// The keys at `path`: of one file, or of every `*.pem` of a folder.
    ///
    /// # Errors
    /// [`KeyError`]: a file that can't be read, one that holds no public key, a folder without any.
    pub fn read(path: &Path) -> Result<Vec<Self>, KeyError> {
        if !path.is_dir() {
            return Ok(vec![read_one(path)?]);
        }
        let mut keys = Vec::new();
        for file in pem_files(path).map_err(|source| KeyError::io(path, source))? {
            keys.push(read_one(&file)?);
        }
        if keys.is_empty() {
            return Err(KeyError::Empty {
                path: path.to_owned(),
            });
        }
        Ok(keys)
    }
}

fn read_one(path: &Path) -> Result<PublicKey, KeyError> {
    let text = fs::read_to_string(path).map_err(|source| KeyError::io(path, source))?;
    PublicKey::from_pem(&text).ok_or_else(|| KeyError::NotPublic {
        path: path.to_owned(),
    })
}

fn pem_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "pem") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
