//! Accounts: what registering and signing in need besides the log.

pub(crate) mod refresh_token;
pub mod sweep;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use edge::auth::{Principal, Role, Signer};
use refresh_token::RefreshToken;
use uuid::Uuid;

use crate::{
    credentials::Credentials,
    key_store::{self, HmacPurpose, KeyStore},
    passwords::Passwords,
    personal_data::EmailDigests,
    routes::sign_in::Tokens,
};

/// Namespace of the claims by which customers are found by e-mail address; the key is the address's digest.
pub const EMAIL_CLAIM: &str = "email";

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

    /// The tokens of a customer's session.
    pub(crate) fn tokens(
        &self,
        customer: Uuid,
        session: Uuid,
        refresh: &RefreshToken,
        now: DateTime<Utc>,
    ) -> Tokens {
        let principal = Principal {
            id: customer,
            role: Role::Customer,
        };
        let ttl = self.settings.access_token;
        Tokens {
            access_token: self.signer.issue_for_session(principal, session, now, ttl),
            expires_in: ttl.as_secs(),
            refresh_token: refresh.text(),
        }
    }

    /// Removes what a registration wrote that has been refused since. What can't be removed now is swept later.
    pub(crate) async fn discard(&self, customer: Uuid) {
        if let Err(error) = self.keys.discard_key(customer).await {
            tracing::warn!(%error, "an unused key is left for the sweep");
        }
        if let Err(error) = self.credentials.discard_password(customer).await {
            tracing::warn!(%error, "an unused password is left for the sweep");
        }
    }
}
