//! Finds out whether a token is one of ours.

use std::{collections::HashMap, fmt, sync::Arc};

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};

use super::{
    AUDIENCE, Authenticated, Claims, ISSUER, Principal, PublicKey, Refusal,
    cache::{Cache, Entry, Key},
};

/// Tells the time: the caller's clock.
pub type Now = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// Verifies tokens by public keys and remembers, within bounds, the ones it found valid.
pub struct Verifier {
    keys: HashMap<String, DecodingKey>,
    validation: Validation,
    now: Now,
    cache: Cache,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kids: Vec<_> = self.keys.keys().collect();
        f.debug_struct("Verifier")
            .field("kids", &kids)
            .finish_non_exhaustive()
    }
}

impl Verifier {
    /// A verifier that trusts `keys` and takes the time from `now`.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>, now: Now) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The library would read the machine's clock: the expiry is checked here, by the caller's.
        validation.validate_exp = false;
        let keys = keys
            .into_iter()
            .map(|key| (key.kid, DecodingKey::from_ed_der(&key.bytes)))
            .collect();
        Self {
            keys,
            validation,
            now,
            cache: Cache::default(),
        }
    }

    /// Who a token speaks for.
    ///
    /// # Errors
    /// [`Refusal::TokenExpired`], [`Refusal::InvalidToken`].
    pub fn verify(&self, token: &str) -> Result<Authenticated, Refusal> {
        let now = (self.now)().timestamp();
        let mut key: Key = [0; 32];
        key.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        if let Some(entry) = self.cache.get(&key) {
            if entry.exp > now {
                return Ok(entry.authenticated);
            }
            self.cache.remove(&key);
            return Err(Refusal::TokenExpired);
        }
        let claims = self.claims(token)?;
        if claims.exp <= now {
            return Err(Refusal::TokenExpired);
        }
        let authenticated = Authenticated {
            principal: Principal {
                id: claims.sub,
                role: claims.role,
            },
            session: claims.sid,
        };
        let exp = claims.exp;
        self.cache.insert(key, Entry { authenticated, exp });
        Ok(authenticated)
    }

    pub(super) fn key(&self, kid: &str) -> Option<&DecodingKey> {
        self.keys.get(kid)
    }

    /// The claims of a token whose signature, algorithm, issuer and audience are right.
    fn claims(&self, token: &str) -> Result<Claims, Refusal> {
        let kid = decode_header(token)
            .ok()
            .and_then(|header| header.kid)
            .ok_or(Refusal::InvalidToken)?;
        let key = self.keys.get(&kid).ok_or(Refusal::InvalidToken)?;
        decode(token, key, &self.validation)
            .map(|data| data.claims)
            .map_err(|error| {
                tracing::debug!(%error, "a token was refused");
                Refusal::InvalidToken
            })
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.cache.len()
    }
}
