//! Issues tokens with a key that is kept in a file: one for all processes of an installation.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use aws_lc_rs::{
    rand::{SystemRandom, generate},
    signature::{Ed25519KeyPair, KeyPair},
};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use uuid::Uuid;

use super::{AUDIENCE, Claims, ISSUER, Principal, PublicKey, Role, pem};

/// Name of the key's file in the data folder: PKCS #8 in PEM, readable by its owner alone.
pub const SIGNING_KEY_FILE: &str = "signing-key.pem";

const PEM_LABEL: &str = "PRIVATE KEY";

/// Why a key can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file can't be read or written.
    #[error("the key {path} can't be read or written")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file does not hold a key.
    #[error("{path} does not hold an Ed25519 private key in PEM")]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The file does not hold a public key.
    #[error("{path} does not hold an Ed25519 public key in PEM")]
    NotPublic {
        /// The file.
        path: PathBuf,
    },
    /// A folder of public keys holds none.
    #[error("there is no *.pem in {path}")]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// There is a key already, and it is not replaced: what it signed would be void.
    #[error("there is a key at {path} already")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// No key could be made.
    #[error("no signing key could be made: the source of randomness failed")]
    Random,
}

impl KeyError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}

/// Issues tokens.
pub struct Signer {
    key: EncodingKey,
    public: PublicKey,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("kid", &self.public.kid)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// The signer of a data folder. Makes the folder and the key where they don't exist yet; of several processes that try at once,
    /// one makes the key and all use it.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn open(data: &Path) -> Result<Self, KeyError> {
        let path = data.join(SIGNING_KEY_FILE);
        match Self::read(&path) {
            Err(KeyError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            read => return read,
        }
        match Self::create(&path) {
            // Another process was faster.
            Err(KeyError::Exists { path }) => Self::read(&path),
            created => created,
        }
    }

    /// The signer with the key at `path`.
    ///
    /// # Errors
    /// [`KeyError::Io`], [`KeyError::Malformed`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let text = fs::read_to_string(path).map_err(|source| KeyError::io(path, source))?;
        Self::from_pem(&text).ok_or_else(|| KeyError::Malformed {
            path: path.to_owned(),
        })
    }

    /// A signer with a new key, kept at `path`; the folder is made where it is missing.
    ///
    /// # Errors
    /// [`KeyError::Exists`], [`KeyError::Io`], [`KeyError::Random`].
    pub fn create(path: &Path) -> Result<Self, KeyError> {
        let document =
            Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).map_err(|_| KeyError::Random)?;
        let text = pem::encode(PEM_LABEL, document.as_ref());
        match write_new(path, &text) {
            Ok(()) => Self::read(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(KeyError::Exists {
                path: path.to_owned(),
            }),
            Err(error) => Err(KeyError::io(path, error)),
        }
    }

    /// A signer with the key in `text`, if there is one.
    fn from_pem(text: &str) -> Option<Self> {
        let der = pem::decode(PEM_LABEL, text)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).ok()?;
        Some(Self {
            key: EncodingKey::from_ed_der(&der),
            public: PublicKey::new(pair.public_key().as_ref().to_vec()),
        })
    }

    /// What verifiers need to know.
    pub fn public_key(&self) -> PublicKey {
        self.public.clone()
    }

    pub(super) fn kid(&self) -> &str {
        &self.public.kid
    }

    pub(super) fn encoding_key(&self) -> &EncodingKey {
        &self.key
    }

    /// A token for `principal`, valid from `now` for `ttl` (whole seconds).
    pub fn issue(&self, principal: Principal, now: DateTime<Utc>, ttl: Duration) -> String {
        self.sign(principal, None, now, ttl)
    }

    /// A token for `principal` that belongs to a session.
    pub fn issue_for_session(
        &self,
        principal: Principal,
        session: Uuid,
        now: DateTime<Utc>,
        ttl: Duration,
    ) -> String {
        self.sign(principal, Some(session), now, ttl)
    }

    /// The one organizer, auditor or administrator that tokens of this key name unless told otherwise: what was scheduled with one
    /// token can be cancelled with the next.
    pub fn default_subject(&self, role: Role) -> Uuid {
        Uuid::new_v5(
            &Uuid::NAMESPACE_OID,
            format!("frontrow/{}/{role}", self.public.kid).as_bytes(),
        )
    }

    fn sign(
        &self,
        principal: Principal,
        sid: Option<Uuid>,
        now: DateTime<Utc>,
        ttl: Duration,
    ) -> String {
        let iat = now.timestamp();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: principal.id,
            role: principal.role,
            iat,
            exp: iat.saturating_add_unsigned(ttl.as_secs()),
            sid,
        };
        self.sign_claims(&claims)
    }

    pub(super) fn sign_claims(&self, claims: &Claims) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.public.kid.clone());
        encode(&header, claims, &self.key)
            .expect("the key was parsed before, and the claims are plain JSON")
    }
}

/// Writes the file beside its place and links it there, which fails where there is one: nobody ever reads half a key, and none is
/// replaced.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let unique: [u8; 8] = generate(&SystemRandom::new())
        .map_err(|_| io::Error::other("the source of randomness failed"))?
        .expose();
    let draft = path.with_extension(format!("{:016x}", u64::from_be_bytes(unique)));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    linked?;
    File::open(folder)?.sync_all()
}
