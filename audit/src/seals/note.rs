//! Signed heads in the form of C2SP: a checkpoint (c2sp.org/tlog-checkpoint) in a signed note (c2sp.org/signed-note).
//!
//! ```text
//!  frontrow.local/log-1f2e3d4c          origin: which log
//!  2000000                              how many events
//!  nC6r...=                             the hash of the tree, in base64
//!
//!  — frontrow.local/log-1f2e3d4c u0tO...=   key name; four bytes of the key's id and the Ed25519 signature of the lines above
//! ```

use std::{fmt, fs, path::Path, str::FromStr};

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use edge::auth::Signer;
use event_store::seals::merkle::Hash;

/// Name of the key's file in the data folder: PKCS #8 in PEM, readable by its owner alone.
pub const SEALING_KEY_FILE: &str = "sealing-key.pem";
/// What a log is called that was given no name: the key's id follows, in hexadecimal.
const UNNAMED: &str = "frontrow.local/log-";
/// The kind of signature that a key makes, as signed notes number them: Ed25519.
const ED25519_KIND: u8 = 1;
/// Signatures that a note may carry.
const MAX_SIGNATURES: usize = 16;

/// Why a note or a key can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The key's file can't be read, made or understood.
    #[error("the sealing key {path} can't be used: {why}")]
    Key {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// The name can't stand in a note.
    #[error(
        "{0:?} can't be the name of a log: it must be visible text without spaces and plus signs"
    )]
    Name(String),
    /// The text is no verification key.
    #[error(
        "{0:?} is no verification key: there must be a name, an id and an Ed25519 key, separated by plus signs"
    )]
    VerificationKey(String),
    /// The note is not of the form that it must be.
    #[error("the checkpoint is malformed: {0}")]
    Malformed(&'static str),
    /// None of the keys has signed the note.
    #[error("the checkpoint carries no valid signature of {0}")]
    Unsigned(String),
    /// The note is another log's.
    #[error("the checkpoint is of the log {0}, which none of the keys is named for")]
    OtherLog(String),
}

/// What a head says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many events.
    pub size: u64,
    /// The hash of the tree.
    pub root: Hash,
}

/// The key that signs heads. Never the one that signs tokens: its signatures must be checkable when that one is long gone.
pub struct SealingKey {
    pair: Ed25519KeyPair,
    verification: VerificationKey,
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKey")
            .field("verification", &self.verification)
            .finish_non_exhaustive()
    }
}

impl SealingKey {
    /// The key in `path`, made where there is none, of the log `origin`; an empty one is named for the key.
    ///
    /// # Errors
    /// [`Error::Key`], [`Error::Name`].
    pub fn open(path: &Path, origin: &str) -> Result<Self, Error> {
        if !path.exists()
            && let Err(error) = Signer::create(path)
            && !path.exists()
        {
            return Err(key_error(path, &error));
        }
        Self::read(path, origin)
    }

    /// The key in `path`, as [`SealingKey::open`].
    ///
    /// # Errors
    /// [`Error::Key`], [`Error::Name`].
    pub fn read(path: &Path, origin: &str) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|e| key_error(path, &e))?;
        let lines = text.lines().filter(|line| !line.starts_with("-----"));
        let der = STANDARD.decode(lines.map(str::trim).collect::<String>());
        let der = der.map_err(|e| key_error(path, &e))?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der)
            .map_err(|_| key_error(path, &"there is no Ed25519 private key in PEM"))?;
        let public = pair.public_key().as_ref();
        let public = public.try_into().map_err(|e| key_error(path, &e))?;
        Ok(Self {
            pair,
            verification: VerificationKey::new(origin, public)?,
        })
    }

    /// What verifiers need to know.
    pub fn verification(&self) -> &VerificationKey {
        &self.verification
    }

    /// The signed head of a tree.
    pub fn sign(&self, size: u64, root: Hash) -> String {
        let VerificationKey { name, .. } = &self.verification;
        let text = format!("{name}\n{size}\n{}\n", STANDARD.encode(root));
        let id = self.verification.id();
        let signature = self.pair.sign(text.as_bytes());
        let signed = [id.as_slice(), signature.as_ref()].concat();
        format!("{text}\n— {name} {}\n", STANDARD.encode(signed))
    }
}

fn key_error(path: &Path, why: &dyn fmt::Display) -> Error {
    Error::Key {
        path: path.display().to_string(),
        why: why.to_string(),
    }
}

/// The public half of a key, with the name of the log that it signs: `NAME+ID+KEY`, as signed notes write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationKey {
    name: String,
    public: [u8; 32],
}

impl VerificationKey {
    fn new(origin: &str, public: [u8; 32]) -> Result<Self, Error> {
        let name = if origin.is_empty() {
            let own = digest(&SHA256, &public);
            format!("{UNNAMED}{}", hex::encode(&own.as_ref()[..4]))
        } else {
            origin.to_owned()
        };
        let visible = |c: char| !c.is_whitespace() && !c.is_control() && c != '+';
        if !name.chars().all(visible) {
            return Err(Error::Name(name));
        }
        Ok(Self { name, public })
    }

    /// The log's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> [u8; 4] {
        let named = [self.name.as_bytes(), b"\n", &[ED25519_KIND], &self.public].concat();
        let digest = digest(&SHA256, &named);
        digest.as_ref()[..4].try_into().expect("a digest is longer")
    }

    fn has_signed(&self, text: &str, signature: &[u8]) -> bool {
        let Some((id, signature)) = signature.split_at_checked(4) else {
            return false;
        };
        let key = UnparsedPublicKey::new(&ED25519, self.public);
        id == self.id() && key.verify(text.as_bytes(), signature).is_ok()
    }
}

impl fmt::Display for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[ED25519_KIND], self.public.as_slice()].concat();
        write!(
            f,
            "{}+{}+{}",
            self.name,
            hex::encode(self.id()),
            STANDARD.encode(key)
        )
    }
}

impl FromStr for VerificationKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let parse = || {
            let (name, rest) = text.split_once('+')?;
            let (id, key) = rest.split_once('+')?;
            let key = STANDARD.decode(key).ok()?;
            let (kind, public) = key.split_first()?;
            let key = Self::new(name, public.try_into().ok()?).ok()?;
            (!name.is_empty() && *kind == ED25519_KIND && hex::encode(key.id()) == id)
                .then_some(key)
        };
        parse().ok_or_else(|| Error::VerificationKey(text.to_owned()))
    }
}

/// Reads a head that one of `keys` has signed.
///
/// # Errors
/// [`Error::Malformed`], [`Error::OtherLog`], [`Error::Unsigned`].
pub fn open(note: &str, keys: &[VerificationKey]) -> Result<Checkpoint, Error> {
    let (text, signatures) = note.split_once("\n\n").ok_or(Error::Malformed(
        "no empty line stands before the signatures",
    ))?;
    let text = format!("{text}\n");
    let checkpoint = parse(&text)?;
    let named = |key: &&VerificationKey| key.name == checkpoint.origin;
    if !keys.iter().any(|key| named(&key)) {
        return Err(Error::OtherLog(checkpoint.origin));
    }
    let signed = signatures.lines().take(MAX_SIGNATURES).any(|line| {
        let parts = line
            .strip_prefix("— ")
            .and_then(|line| line.split_once(' '));
        let Some((name, signature)) = parts else {
            return false;
        };
        let signature = STANDARD.decode(signature).unwrap_or_default();
        let mut keys = keys.iter().filter(named);
        keys.any(|key| key.name == name && key.has_signed(&text, &signature))
    });
    if signed {
        Ok(checkpoint)
    } else {
        Err(Error::Unsigned(checkpoint.origin))
    }
}

fn parse(text: &str) -> Result<Checkpoint, Error> {
    let mut lines = text.lines();
    let origin = lines.next().filter(|line| !line.is_empty());
    let origin = origin.ok_or(Error::Malformed("it names no log"))?;
    let number = lines.next().unwrap_or_default();
    let size: u64 = number
        .parse()
        .map_err(|_| Error::Malformed("its second line is no number of events"))?;
    // One way to write a number: what is signed can't be read two ways.
    if size.to_string() != number {
        return Err(Error::Malformed("its second line is no number of events"));
    }
    let root = STANDARD.decode(lines.next().unwrap_or_default());
    let root = root.ok().and_then(|root| root.try_into().ok());
    Ok(Checkpoint {
        origin: origin.to_owned(),
        size,
        root: root.ok_or(Error::Malformed(
            "its third line is no SHA-256 hash in base64",
        ))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    /// The example of the specification of signed notes (c2sp.org/signed-note), whose key and signature are others' work.
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const TEXT: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    const SIGNATURE: &str = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";

    fn key(origin: &str) -> SealingKey {
        let folder = Folder::new();
        SealingKey::open(&folder.path(SEALING_KEY_FILE), origin).unwrap()
    }

    #[test]
    fn agrees_with_the_example_of_the_specification() {
        let key: VerificationKey = KEY.parse().unwrap();
        assert_eq!(key.to_string(), KEY);
        assert!(key.has_signed(TEXT, &STANDARD.decode(SIGNATURE).unwrap()));
        assert!(!key.has_signed("other\n", &STANDARD.decode(SIGNATURE).unwrap()));
    }

    #[test]
    fn a_head_opens_with_its_key_alone() {
        let (signing, other) = (key("example.org/shows"), key("example.org/shows"));
        let note = signing.sign(7, [3; 32]);
        let trusted = [signing.verification().clone()];
        let checkpoint = Checkpoint {
            origin: "example.org/shows".to_owned(),
            size: 7,
            root: [3; 32],
        };
        assert_eq!(open(&note, &trusted), Ok(checkpoint));
        let error = open(&note, &[other.verification().clone()]).unwrap_err();
        assert_eq!(error, Error::Unsigned("example.org/shows".to_owned()));
        let error = open(&note, &[key("").verification().clone()]).unwrap_err();
        assert_eq!(error, Error::OtherLog("example.org/shows".to_owned()));
        for (from, to) in [
            ("\n7\n", "\n8\n"),
            ("\n7\n", "\n07\n"),
            ("AwMD", "AwME"),
            ("\n\n", "\n"),
        ] {
            let changed = note.replacen(from, to, 1);
            assert_ne!(changed, note);
            open(&changed, &trusted).unwrap_err();
        }
    }

    #[test]
    fn a_key_is_made_once_and_named_for_itself() {
        let folder = Folder::new();
        let path = folder.path(SEALING_KEY_FILE);
        let first = SealingKey::open(&path, "").unwrap();
        let again = SealingKey::open(&path, "").unwrap();
        assert_eq!(first.verification(), again.verification());
        assert!(first.verification().name().starts_with(UNNAMED));
        let read: VerificationKey = first.verification().to_string().parse().unwrap();
        assert_eq!(&read, first.verification());
        fs::write(&path, "nonsense").unwrap();
        SealingKey::open(&path, "").unwrap_err();
    }

    #[test]
    fn what_can_not_stand_in_a_note_is_no_name() {
        for name in ["two words", "a+b", "a\nb"] {
            let error = VerificationKey::new(name, [0; 32]).unwrap_err();
            assert_eq!(error, Error::Name(name.to_owned()));
        }
        for text in ["", "a+b", "a+00000000+AAAA", &KEY.replace("c74f", "c74e")] {
            text.parse::<VerificationKey>().unwrap_err();
        }
    }
}
