//! Accounts: what registering and signing in need besides the log.

use std::{sync::Arc, time::Duration};

use edge::auth::Signer;

use crate::{
    credentials::Credentials,
    key_store::{self, HmacPurpose, KeyStore},
    passwords::Passwords,
    personal_data::EmailDigests,
};

/// How long tokens are good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// An access token, in whole seconds. It can't be taken back, so it is short.
    pub access_token: Duration,
    /// A refresh token that is not used.
    pub refresh_token: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            access_token: Duration::from_mins(15),
            refresh_token: Duration::from_hours(30 * 24),
        }
    }
}

/// What registering and signing in need besides the log.
#[derive(Debug)]
pub struct Identity {
    /// Keys of personal data.
    pub keys: Arc<dyn KeyStore>,
    /// Password hashes and sessions.
    pub credentials: Arc<dyn Credentials>,
    /// Hashes and checks passwords.
    pub passwords: Passwords,
    /// Finds customers by e-mail address.
    pub emails: EmailDigests,
    /// Issues access tokens.
    pub signer: Arc<Signer>,
    /// How long tokens are good for.
    pub settings: Settings,
}

impl Identity {
    /// Over these stores; takes the key of e-mail addresses from the key store.
    ///
    /// # Errors
    /// The key store's.
    pub async fn new(
        keys: Arc<dyn KeyStore>,
        credentials: Arc<dyn Credentials>,
        passwords: Passwords,
        signer: Arc<Signer>,
        settings: Settings,
    ) -> Result<Self, key_store::Error> {
        let emails = EmailDigests::new(&keys.hmac_key(HmacPurpose::Email).await?);
        Ok(Self {
            keys,
            credentials,
            passwords,
            emails,
            signer,
            settings,
        })
    }
}
