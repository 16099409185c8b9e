//! Passwords: hashed and verified with argon2id, by few at a time.
//!
//! A hash is meant to cost memory and time. So the work runs beside the runtime, on as many threads as may do it at once, and where
//! too many wait already, the next is turned away before any work.

use std::{fmt, sync::Arc, time::Duration};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

/// Fewest bytes of a password (NIST SP 800-63B).
pub const MIN_PASSWORD_BYTES: usize = 8;
/// Most bytes of a password.
pub const MAX_PASSWORD_BYTES: usize = 1_024;

/// What a hash costs, and how many are made at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Memory of one hash, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
    /// Hashes at work at once: each takes a core and its memory.
    pub at_once: usize,
    /// Requests that may wait for their turn; beyond it they are turned away.
    pub waiting: usize,
}

impl Default for Settings {
    /// The first choice of OWASP's password storage cheat sheet; as many at once as a small machine has cores.
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1_024,
            passes: 2,
            lanes: 1,
            at_once: std::thread::available_parallelism().map_or(2, usize::from),
            waiting: 64,
        }
    }
}

impl Settings {
    /// The least work that the algorithm allows: for tests, never for people's passwords.
    pub fn cheap() -> Self {
        Self {
            memory_kib: Params::MIN_M_COST,
            passes: 1,
            lanes: 1,
            ..Self::default()
        }
    }
}

/// When to try again after too many waited: by then the queue has moved on.
pub const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Why there is no answer about a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Too many wait already; no work was done. Try again after [`RETRY_AFTER`].
    #[error("too many passwords are being checked")]
    Overloaded,
    /// The settings, or a stored hash, can't be used.
    #[error("the password can't be hashed or checked: {0}")]
    Broken(String),
}

struct Inner {
    argon2: Argon2<'static>,
    /// Everyone inside: at work or waiting.
    inside: Arc<Semaphore>,
    /// Everyone at work.
    at_work: Arc<Semaphore>,
    /// The hash of no one's password: verified where there is no account, so that the answer takes as long.
    nobody: String,
}

/// Hashes and verifies passwords. Cheap to clone.
#[derive(Clone)]
pub struct Passwords(Arc<Inner>);

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").finish_non_exhaustive()
    }
}

impl Passwords {
    /// With these costs. Makes one hash at once, so that wrong settings show here.
    ///
    /// # Errors
    /// [`Error::Broken`] where argon2 does not allow the settings.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let params = Params::new(settings.memory_kib, settings.passes, settings.lanes, None)
            .map_err(broken)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = hash(&argon2, "nobody has this password")?;
        let at_once = settings.at_once.max(1);
        Ok(Self(Arc::new(Inner {
            argon2,
            inside: Arc::new(Semaphore::new(at_once + settings.waiting)),
            at_work: Arc::new(Semaphore::new(at_once)),
            nobody,
        })))
    }

    /// The hash of a password under a new salt: a PHC string.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn hash(&self, password: SecretString) -> Result<String, Error> {
        self.run(move |inner| hash(&inner.argon2, password.expose_secret()))
            .await
    }

    /// Whether the password is the one that `phc` was made of. Without a hash the answer is no, after as much work.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn verify(&self, password: SecretString, phc: Option<String>) -> Result<bool, Error> {
        self.run(move |inner| {
            let exists = phc.is_some();
            let phc = phc.as_deref().unwrap_or(&inner.nobody);
            // A stored hash names its own costs, which may be older than the present ones.
            let stored = PasswordHash::new(phc).map_err(broken)?;
            let matches = inner
                .argon2
                .verify_password(password.expose_secret().as_bytes(), &stored);
            Ok(exists && matches.is_ok())
        })
        .await
    }

    /// Does the work on a thread of its own, when its turn comes. The permits go with the work: a caller who goes away does not make
    /// room for more of it.
    async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        let inside = Arc::clone(&self.0.inside)
            .try_acquire_owned()
            .map_err(|_| Error::Overloaded)?;
        let at_work = Arc::clone(&self.0.at_work)
            .acquire_owned()
            .await
            .map_err(broken)?;
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || {
            let result = work(&inner);
            drop((at_work, inside));
            result
        })
        .await
        .map_err(broken)?
    }

    /// Places for those inside: a test can take them all.
    #[cfg(test)]
    pub(crate) fn inside(&self) -> &Arc<Semaphore> {
        &self.0.inside
    }
}

fn hash(argon2: &Argon2<'_>, password: &str) -> Result<String, Error> {
    argon2
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(broken)
}

#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn broken(error: impl ToString) -> Error {
    Error::Broken(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords() -> Passwords {
        let settings = Settings {
            at_once: 1,
            waiting: 2,
            ..Settings::cheap()
        };
        Passwords::new(&settings).unwrap()
    }

    #[tokio::test]
    async fn knows_a_password_by_its_hash() {
        let passwords = passwords();
        let phc = passwords.hash("correct horse".into()).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$"), "{phc}");
        assert_ne!(phc, passwords.hash("correct horse".into()).await.unwrap());
        let check = |password: &str, phc: Option<&str>| {
            passwords.verify(password.into(), phc.map(str::to_owned))
        };
        assert_eq!(check("correct horse", Some(&phc)).await, Ok(true));
        assert_eq!(check("battery staple", Some(&phc)).await, Ok(false));
        assert_eq!(check("nobody has this password", None).await, Ok(false));
        assert!(matches!(
            check("x", Some("not a hash")).await,
            Err(Error::Broken(_))
        ));
    }

    #[tokio::test]
    async fn keeps_verifying_hashes_of_older_costs() {
        let older = Settings {
            passes: 2,
            ..Settings::cheap()
        };
        let phc = Passwords::new(&older)
            .unwrap()
            .hash("secret 1".into())
            .await
            .unwrap();
        assert_eq!(
            passwords().verify("secret 1".into(), Some(phc)).await,
            Ok(true)
        );
    }

    #[tokio::test]
    async fn turns_away_what_is_beyond_its_bound() {
        let passwords = passwords();
        let inside: Vec<_> = (0..3)
            .map(|_| Arc::clone(passwords.inside()).try_acquire_owned().unwrap())
            .collect();
        assert_eq!(
            passwords.hash("secret 1".into()).await,
            Err(Error::Overloaded)
        );
        drop(inside);
        assert!(passwords.hash("secret 1".into()).await.is_ok());
    }

    #[tokio::test]
    async fn makes_room_again_when_a_caller_goes_away() {
        let passwords = passwords();
        for _ in 0..20 {
            let abandoned = passwords.hash("secret 1".into());
            drop(futures::FutureExt::now_or_never(abandoned));
        }
        // Whoever was admitted gives its place back; waiting for all of them proves that none was lost.
        let all = passwords.inside().acquire_many(3).await.unwrap();
        drop(all);
        assert!(passwords.hash("secret 1".into()).await.is_ok());
    }

    #[test]
    fn refuses_settings_that_the_algorithm_forbids() {
        let settings = Settings {
            memory_kib: 1,
            ..Settings::cheap()
        };
        assert!(matches!(Passwords::new(&settings), Err(Error::Broken(_))));
    }
}
