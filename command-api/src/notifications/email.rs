//! E-mail over SMTP.
//!
//! SMTP has no way to say "I sent you this before": after a crash between the server's answer and the ledger the mail is sent again, under the same
//! `Message-ID`, by which mail programs and servers recognise it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{self, PoolConfig},
};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::templates::{Language, Templates, Text};

/// Connections to the mail server, and so mails sent at a time.
pub const CONNECTIONS: u32 = 4;
/// How long the mail server may take for one step.
const TIME_OUT: Duration = Duration::from_secs(20);

/// How mail is sent.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Of the mail server, with user and password where it wants them: `smtps://user:password@host:port`.
    pub url: SecretString,
    /// Sender.
    pub from: String,
    /// Language of the texts.
    pub language: Language,
}

/// Why no mail can be sent by these settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The sender is no mailbox.
    #[error("the sender {from:?} is no mailbox: {error}")]
    From {
        /// As set.
        from: String,
        /// What is wrong.
        error: lettre::address::AddressError,
    },
    /// The URL is none of a mail server. Not shown: it may hold a password.
    #[error("the mail server's URL can't be used: smtps://[USER:PASSWORD@]HOST[:PORT] is expected")]
    Url,
}

/// Why a mail was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It can't be sent to this address.
    #[error("the address can't be written to")]
    Address,
    /// The server refuses it for good.
    #[error("the mail server refused it for good: {0}")]
    Refused(String),
    /// Not now.
    #[error("the mail server did not take it: {0}")]
    Later(String),
}

/// What sends mail. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    /// Language of the texts.
    pub language: Language,
    /// The texts.
    pub templates: std::sync::Arc<Templates>,
}

impl Mailer {
    /// By these settings. Nothing is connected to yet.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let from = settings.from.parse();
        let from = from.map_err(|error| SettingsError::From {
            from: settings.from.clone(),
            error,
        })?;
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(settings.url.expose_secret());
        let builder = builder.map_err(|_| SettingsError::Url)?;
        let pool = PoolConfig::new().max_size(CONNECTIONS);
        Ok(Self {
            transport: builder.pool_config(pool).timeout(Some(TIME_OUT)).build(),
            from,
            language: settings.language,
            templates: std::sync::Arc::default(),
        })
    }

    /// Sends a text to an address, as mail of the notification `id`.
    ///
    /// # Errors
    /// [`Failure`], without the address.
    pub async fn send(
        &self,
        to: &str,
        id: Uuid,
        text: Text,
        now: DateTime<Utc>,
    ) -> Result<(), Failure> {
        let to: Address = to.parse().map_err(|_| Failure::Address)?;
        let message = self.message(to, id, text, now);
        let message = message.map_err(|_| Failure::Address)?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) => Err(failure(&error)),
        }
    }

    fn message(
        &self,
        to: Address,
        id: Uuid,
        text: Text,
        now: DateTime<Utc>,
    ) -> Result<Message, lettre::error::Error> {
        let mut message = Message::builder()
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .date(now.into())
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(text.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(text.body)?;
        // RFC 3834: no out-of-office note is to come back.
        let name = HeaderName::new_from_ascii_str("Auto-Submitted");
        let header = HeaderValue::new(name, "auto-generated".to_owned());
        message.headers_mut().insert_raw(header);
        Ok(message)
    }
}

/// The server's words may repeat the address: of an answer only its code is kept.
fn failure(error: &smtp::Error) -> Failure {
    let code = error.status().map(|code| code.to_string());
    match code {
        Some(code) if error.is_permanent() => Failure::Refused(format!("it answered {code}")),
        Some(code) => Failure::Later(format!("it answered {code}")),
        None if error.is_timeout() => Failure::Later("it did not answer in time".to_owned()),
        None => Failure::Later(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str, from: &str) -> Settings {
        Settings {
            url: url.into(),
            from: from.to_owned(),
            language: Language::En,
        }
    }

    #[tokio::test]
    async fn a_mail_has_its_notifications_id_and_is_encoded() {
        let settings = settings("smtp://127.0.0.1:25", "Frontrow <noreply@tickets.example>");
        let mailer = Mailer::new(&settings).unwrap();
        let text = Text {
            subject: "예매 확정 – Zoë\r\nBcc: x@example.org".to_owned(),
            body: "안녕하세요\n".to_owned(),
        };
        let to = "anna@example.org".parse().unwrap();
        let mail = mailer.message(to, Uuid::from_u128(7), text, DateTime::UNIX_EPOCH);
        let mail = String::from_utf8(mail.unwrap().formatted()).unwrap();
        assert!(mail.is_ascii(), "{mail}");
        for line in [
            "Message-ID: <00000000-0000-0000-0000-000000000007@tickets.example>\r\n",
            "From: Frontrow <noreply@tickets.example>\r\n",
            "To: anna@example.org\r\n",
            "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n",
            "Auto-Submitted: auto-generated\r\n",
        ] {
            assert!(mail.contains(line), "{line}: {mail}");
        }
        assert!(!mail.contains("\r\nBcc:"), "{mail}");
    }

    #[tokio::test]
    async fn settings_that_send_nothing_are_refused_and_show_no_password() {
        let from = Mailer::new(&settings("smtp://h", "nobody")).unwrap_err();
        assert!(matches!(from, SettingsError::From { .. }), "{from}");
        let url = Mailer::new(&settings("http://u:secret@h", "a@b.example")).unwrap_err();
        assert!(!url.to_string().contains("secret"), "{url}");
    }
}
