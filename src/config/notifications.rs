//! `[notifications]`: where webhooks may lead, and how mail is sent.

use std::{net::IpAddr, sync::Arc, time::Duration};

use anyhow::Context;
use command_api::notifications::{
    address::Reach,
    email::{self, Mailer},
    templates::Language,
    webhook::Caller,
};
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::within;

/// `[notifications]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notifications {
    /// Addresses or networks.
    pub webhook_networks: Vec<String>,
    /// Whether `http:` is let be.
    pub webhook_plain_http: bool,
    /// Milliseconds.
    pub webhook_timeout_ms: u64,
    /// `[notifications.smtp]`.
    pub smtp: Smtp,
}

/// `[notifications.smtp]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// Empty: no mail is sent. May hold a password.
    pub url: SecretString,
    /// Sender.
    pub from: String,
    /// Of the texts.
    pub language: Language,
}

impl Notifications {
    /// Checks what can be checked before anything is opened.
    ///
    /// # Errors
    /// The key, and what is wrong with it.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let range = 100..=30_000;
        within(
            "notifications.webhook_timeout_ms",
            self.webhook_timeout_ms,
            range,
        )?;
        self.reach().map(drop)
    }

    /// Where webhooks may lead.
    ///
    /// # Errors
    /// A network that is none.
    pub fn reach(&self) -> anyhow::Result<Arc<Reach>> {
        let networks = self.webhook_networks.iter().map(|text| network(text));
        Ok(Arc::new(Reach {
            networks: networks.collect::<anyhow::Result<_>>()?,
            plain_http: self.webhook_plain_http,
        }))
    }

    /// What calls webhooks.
    ///
    /// # Errors
    /// As [`Notifications::reach`].
    pub fn caller(&self) -> anyhow::Result<Caller> {
        let time_out = Duration::from_millis(self.webhook_timeout_ms);
        Ok(Caller::new(self.reach()?, time_out))
    }

    /// What sends mail, where a server is set. Within the runtime that it is to send in.
    ///
    /// # Errors
    /// Settings by which no mail can be sent.
    pub fn mailer(&self) -> anyhow::Result<Option<Mailer>> {
        if self.smtp.url.expose_secret().is_empty() {
            return Ok(None);
        }
        let mailer = Mailer::new(&email::Settings {
            url: self.smtp.url.clone(),
            from: self.smtp.from.clone(),
            language: self.smtp.language,
        });
        Ok(Some(mailer.context("notifications.smtp can't be used")?))
    }
}

fn network(text: &str) -> anyhow::Result<IpNet> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    let network = address.or_else(|_| text.parse());
    network.with_context(|| {
        format!("notifications.webhook_networks: {text:?} is no address or network")
    })
}

#[cfg(test)]
mod tests {
    use crate::config::Settings;

    #[test]
    fn what_is_wrong_is_named_and_no_password_shown() {
        let mut settings = Settings::defaults();
        settings.notifications.smtp.url = "http://anna:secret@h".into();
        let refused = settings.notifications.mailer().unwrap_err();
        assert!(
            !format!("{refused:?} {settings:?}").contains("secret"),
            "{refused:?}"
        );
        settings.notifications.webhook_networks =
            vec!["10.0.0.0/8".to_owned(), "inside".to_owned()];
        let refused = settings.notifications.check().unwrap_err().to_string();
        assert!(
            refused.contains("webhook_networks: \"inside\""),
            "{refused}"
        );
    }
}
