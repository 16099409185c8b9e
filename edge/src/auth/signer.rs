//! Issues tokens with a key that is made at the first start and kept in the data folder.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::{SystemRandom, generate},
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use uuid::Uuid;

use super::{AUDIENCE, Claims, ISSUER, Principal, PublicKey, Role};

/// Name of the key's file in the data folder: PKCS #8 in PEM, readable by its owner alone.
pub const SIGNING_KEY_FILE: &str = "signing-key.pem";

const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";
/// Line length of RFC 7468.
const PEM_LINE: usize = 64;

/// Why there is no signing key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file can't be read or written.
    #[error("the signing key {path} can't be read or written")]
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
    /// No key could be made.
    #[error("no signing key could be made: the source of randomness failed")]
    Random,
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
        let io = |source| KeyError::Io {
            path: path.clone(),
            source,
        };
        let pem = match fs::read_to_string(&path) {
            Ok(pem) => pem,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let document = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new())
                    .map_err(|_| KeyError::Random)?;
                create(data, &path, &to_pem(document.as_ref())).map_err(io)?;
                fs::read_to_string(&path).map_err(io)?
            }
            Err(error) => return Err(io(error)),
        };
        Self::from_pem(&pem).ok_or(KeyError::Malformed { path })
    }

    /// A signer with the key in `pem`, if there is one.
    fn from_pem(pem: &str) -> Option<Self> {
        let der = from_pem(pem)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).ok()?;
        let bytes = pair.public_key().as_ref().to_vec();
        let kid = URL_SAFE_NO_PAD.encode(&digest(&SHA256, &bytes).as_ref()[..9]);
        Some(Self {
            key: EncodingKey::from_ed_der(&der),
            public: PublicKey { kid, bytes },
        })
    }

    /// What verifiers need to know.
    pub fn public_key(&self) -> PublicKey {
        self.public.clone()
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

    /// The one organizer, auditor or administrator that this data folder's tokens name unless told otherwise: what was scheduled with
    /// one token can be cancelled with the next.
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

/// Writes the file beside its place and links it there, which fails where another process was faster: nobody ever reads half a key,
/// and none is replaced.
fn create(data: &Path, path: &Path, pem: &str) -> io::Result<()> {
    fs::create_dir_all(data)?;
    let unique: [u8; 8] = generate(&SystemRandom::new())
        .map_err(|_| io::Error::other("the source of randomness failed"))?
        .expose();
    let draft = data.join(format!(
        "{SIGNING_KEY_FILE}.{:016x}",
        u64::from_be_bytes(unique)
    ));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(pem.as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => File::open(data)?.sync_all(),
    }
}

fn to_pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = String::from(PEM_BEGIN);
    for (index, letter) in text.chars().enumerate() {
        if index % PEM_LINE == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem.push('\n');
    pem.push_str(PEM_END);
    pem.push('\n');
    pem
}

fn from_pem(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once(PEM_BEGIN)?;
    let (text, _) = rest.split_once(PEM_END)?;
    let text: String = text.split_whitespace().collect();
    STANDARD.decode(text).ok()
}
