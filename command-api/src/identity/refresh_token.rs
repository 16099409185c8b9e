//! Refresh tokens: base64 of a family's handle and a secret.

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::credentials::Digest;

/// Length of what all tokens of a session begin with.
const FAMILY_BYTES: usize = 16;
/// Length of what is each token's own.
const SECRET_BYTES: usize = 32;

/// A refresh token. The holder has its text, the credentials have its digests.
pub(crate) struct RefreshToken([u8; FAMILY_BYTES + SECRET_BYTES]);

impl RefreshToken {
    /// The first of a new family; `None` where the source of randomness fails.
    pub(crate) fn generate() -> Option<Self> {
        let mut bytes = [0; FAMILY_BYTES + SECRET_BYTES];
        rand::fill(&mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// Another of the same family; `None` where the source of randomness fails.
    pub(crate) fn next(&self) -> Option<Self> {
        let mut bytes = self.0;
        rand::fill(&mut bytes[FAMILY_BYTES..]).ok()?;
        Some(Self(bytes))
    }

    /// The token of a text, if it is one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // The length first: the text is as long as the client likes.
        if text.len() != (FAMILY_BYTES + SECRET_BYTES) * 4 / 3 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// What the holder is given.
    pub(crate) fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Digest of what the family has in common.
    pub(crate) fn family_digest(&self) -> Digest {
        sha256(&self.0[..FAMILY_BYTES])
    }

    /// Digest of the whole.
    pub(crate) fn digest(&self) -> Digest {
        sha256(&self.0)
    }
}

fn sha256(bytes: &[u8]) -> Digest {
    let mut value = [0; 32];
    value.copy_from_slice(digest(&SHA256, bytes).as_ref());
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_as_it_is_written() {
        let token = RefreshToken::generate().unwrap();
        let next = token.next().unwrap();
        assert_eq!(next.family_digest(), token.family_digest());
        assert_ne!(next.digest(), token.digest());
        let read = RefreshToken::parse(&next.text()).unwrap();
        assert_eq!(read.digest(), next.digest());
        let text = next.text();
        for bad in [
            "",
            "x",
            &text[1..],
            &format!("{text}A"),
            &text.replace(&text[..1], "!"),
        ] {
            assert!(RefreshToken::parse(bad).is_none(), "{bad}");
        }
    }
}
