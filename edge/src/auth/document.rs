//! Signed documents other than tokens: made with the same key, and good for nothing but what they are made for.

use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{AUDIENCE, ISSUER, Refusal, Signer, Verifier};

/// A document as it is signed. Its audience says what it is for, and keeps it from being taken for a token, or for another kind.
#[derive(Serialize, Deserialize)]
struct Document<T> {
    iss: String,
    aud: String,
    #[serde(flatten)]
    content: T,
}

impl Signer {
    /// Signs `content`, an object in JSON, for `audience`: a name of its own for each kind of document. The same content gives the same text.
    ///
    /// # Panics
    /// For the audience of tokens, and for content that is no object.
    pub fn sign_document<T: Serialize>(&self, audience: &str, content: &T) -> String {
        assert_ne!(audience, AUDIENCE, "a document is no token");
        let document = Document {
            iss: ISSUER.to_owned(),
            aud: audience.to_owned(),
            content,
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.kid().to_owned());
        encode(&header, &document, self.encoding_key())
            .expect("the key was parsed before, and the content is an object")
    }
}

impl Verifier {
    /// What a document says that a trusted key signed for `audience`. Whether its time is over, its content says: that is for the caller.
    ///
    /// # Errors
    /// [`Refusal::InvalidToken`].
    pub fn document<T: DeserializeOwned>(&self, audience: &str, text: &str) -> Result<T, Refusal> {
        let header = decode_header(text).map_err(|_| Refusal::InvalidToken)?;
        let kid = header.kid.ok_or(Refusal::InvalidToken)?;
        let key = self.key(&kid).ok_or(Refusal::InvalidToken)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["iss", "aud"]);
        validation.validate_exp = false;
        let decoded = decode::<Document<T>>(text, key, &validation);
        decoded
            .map(|data| data.claims.content)
            .map_err(|_| Refusal::InvalidToken)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::auth::{Principal, Role};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Note {
        text: String,
        number: u64,
    }

    #[test]
    fn a_document_is_good_for_its_purpose_alone() {
        let folder = std::env::temp_dir().join(format!("frontrow-document-{}", Uuid::now_v7()));
        let (signer, other) = (
            Signer::open(&folder).unwrap(),
            Signer::create(&folder.join("other.pem")).unwrap(),
        );
        std::fs::remove_dir_all(&folder).unwrap();
        let now = || DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let verifier = Verifier::new([signer.public_key()], Arc::new(now));
        let note = Note {
            text: "hello".to_owned(),
            number: u64::MAX,
        };
        let text = signer.sign_document("frontrow/note", &note);
        assert_eq!(text, signer.sign_document("frontrow/note", &note));
        assert_eq!(verifier.document("frontrow/note", &text), Ok(note));
        let refused = |audience: &str, text: &str| {
            let read = verifier.document::<Note>(audience, text);
            assert_eq!(read, Err(Refusal::InvalidToken), "{audience} {text}");
        };
        refused("frontrow/other", &text);
        refused("frontrow/note", "");
        refused("frontrow/note", &text[..text.len() - 2]);
        let foreign = Note {
            text: String::new(),
            number: 1,
        };
        refused(
            "frontrow/note",
            &other.sign_document("frontrow/note", &foreign),
        );
        assert_eq!(verifier.verify(&text), Err(Refusal::InvalidToken));
        let principal = Principal {
            id: Uuid::nil(),
            role: Role::Customer,
        };
        let day = std::time::Duration::from_hours(24);
        refused("frontrow/note", &signer.issue(principal, now(), day));
    }
}
