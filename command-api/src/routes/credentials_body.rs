//! What e-mail addresses, passwords and names look like.

use edge::Problem;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    codes,
    error::problem,
    passwords::{MAX_PASSWORD_BYTES, MIN_PASSWORD_BYTES},
};

/// Most bytes of an e-mail address (RFC 5321, as an address is used in a path).
const MAX_EMAIL_BYTES: usize = 254;
/// Most bytes of what stands before the @ (RFC 5321).
const MAX_LOCAL_BYTES: usize = 64;
/// Most bytes of a name.
const MAX_NAME_BYTES: usize = 200;

/// Whether this can be an e-mail address. Only the delivery of a message proves one; so this refuses no more than what can't be any.
///
/// # Errors
/// 422 `invalid_field` at `email`.
pub(super) fn email(email: &str) -> Result<(), Problem> {
    let email = email.trim();
    let (local, domain) = email.rsplit_once('@').unwrap_or_default();
    let plain = |part: &str| {
        !part
            .chars()
            .any(|letter| letter.is_whitespace() || letter.is_control() || letter == '@')
    };
    let sound = email.len() <= MAX_EMAIL_BYTES
        && (1..=MAX_LOCAL_BYTES).contains(&local.len())
        && plain(local)
        && plain(domain)
        && domain.split('.').all(|label| !label.is_empty())
        // What mail is sent with takes it.
        && email.parse::<lettre::Address>().is_ok();
    refuse_unless(sound, "email", "not an e-mail address of at most 254 bytes")
}

/// Whether a password is long enough, and short enough to be hashed.
///
/// # Errors
/// 422 `invalid_field` at `password`.
pub(super) fn password(password: &SecretString) -> Result<(), Problem> {
    let length = password.expose_secret().len();
    let sound = (MIN_PASSWORD_BYTES..=MAX_PASSWORD_BYTES).contains(&length);
    refuse_unless(sound, "password", "a password has 8 to 1,024 bytes")
}

/// Whether this can be a name.
///
/// # Errors
/// 422 `invalid_field` at `name`.
pub(super) fn name(name: &str) -> Result<(), Problem> {
    let sound = !name.trim().is_empty()
        && name.len() <= MAX_NAME_BYTES
        && !name.chars().any(char::is_control);
    refuse_unless(
        sound,
        "name",
        "a name has 1 to 200 bytes and no control characters",
    )
}

fn refuse_unless(sound: bool, at: &'static str, detail: &str) -> Result<(), Problem> {
    if sound {
        return Ok(());
    }
    Err(problem(codes::INVALID_FIELD, format!("{at}: {detail}")).with("at", at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_can_be_an_address() {
        let label = "b".repeat(62);
        let longest = format!("{}@{label}.{label}.{}.org", "a".repeat(64), &label[..59]);
        for good in [
            "anna@example.org",
            " Anna.Grün+1@sub.example.org ",
            "a@localhost",
            &longest,
        ] {
            assert!(email(good).is_ok(), "{good}");
        }
        let long_local = format!("{}@example.org", "a".repeat(65));
        let too_long = format!("{longest}x");
        for bad in [
            "",
            "anna",
            "@example.org",
            "anna@",
            "a b@c.de",
            "a@b@c.de",
            "a@b..c",
            "a@.b",
            "a@b\u{0}",
            "<a@b.c>",
            &long_local,
            &too_long,
        ] {
            let problem = email(bad).unwrap_err();
            assert_eq!(
                (problem.code(), problem.status().as_u16()),
                ("invalid_field", 422),
                "{bad}"
            );
            assert_eq!(problem.field("at").unwrap(), "email");
        }
    }

    #[test]
    fn bounds_passwords_and_names() {
        for (length, good) in [(7, false), (8, true), (1_024, true), (1_025, false)] {
            assert_eq!(
                password(&"x".repeat(length).into()).is_ok(),
                good,
                "{length}"
            );
        }
        for (text, good) in [("", false), (" ", false), ("Anna", true), ("a\nb", false)] {
            assert_eq!(name(text).is_ok(), good, "{text:?}");
        }
        assert!(name(&"x".repeat(201)).is_err());
    }
}
