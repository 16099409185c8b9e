//! Personal data: encrypted before it becomes part of an event, found again by keyed digests, readable for as long as its key lives.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hmac,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::customer::event::Ciphertext;
use uuid::Uuid;

use crate::key_store::Key;

/// A field that is encrypted. Its name is authenticated with it: a ciphertext moved to another field does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// E-mail address.
    Email,
    /// Name.
    Name,
}

impl Field {
    /// The name that is authenticated; permanent.
    fn label(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Name => "name",
        }
    }
}

/// Why a field can't be encrypted or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The source of randomness failed.
    #[error("the field could not be encrypted")]
    Seal,
    /// Not encrypted under this key, for this customer and this field; or damaged.
    #[error("the field could not be decrypted")]
    Open,
}

/// Encrypts a field with AES-256-GCM under the customer's key and a random nonce. Base64 of nonce, ciphertext and tag.
///
/// # Errors
/// [`Error::Seal`].
pub fn encrypt(key: &Key, customer: Uuid, field: Field, text: &str) -> Result<Ciphertext, Error> {
    let aead = RandomizedNonceKey::new(&AES_256_GCM, key.expose()).map_err(|_| Error::Seal)?;
    let mut sealed = text.as_bytes().to_vec();
    let nonce = aead
        .seal_in_place_append_tag(Aad::from(context(customer, field)), &mut sealed)
        .map_err(|_| Error::Seal)?;
    let mut bytes = nonce.as_ref().to_vec();
    bytes.extend_from_slice(&sealed);
    Ok(Ciphertext(STANDARD.encode(bytes)))
}

/// Decrypts what [`encrypt`] made.
///
/// # Errors
/// [`Error::Open`].
pub fn decrypt(
    key: &Key,
    customer: Uuid,
    field: Field,
    ciphertext: &Ciphertext,
) -> Result<String, Error> {
    let mut bytes = STANDARD.decode(&ciphertext.0).map_err(|_| Error::Open)?;
    let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN).ok_or(Error::Open)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Error::Open)?;
    let aead = RandomizedNonceKey::new(&AES_256_GCM, key.expose()).map_err(|_| Error::Open)?;
    let text = aead
        .open_in_place(nonce, Aad::from(context(customer, field)), sealed)
        .map_err(|_| Error::Open)?;
    String::from_utf8(text.to_vec()).map_err(|_| Error::Open)
}

/// What is authenticated beside the text. The id has a fixed length, so nothing can be read two ways.
fn context(customer: Uuid, field: Field) -> Vec<u8> {
    [customer.as_bytes(), field.label().as_bytes()].concat()
}

/// An e-mail address as it is compared: without space around it, in lower case.
pub fn normalised_email(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Digests of e-mail addresses under a secret key: who has only the log's database can't find out whose they are by guessing.
#[derive(Clone)]
pub struct EmailDigests(hmac::Key);

impl EmailDigests {
    /// Under `key`.
    pub fn new(key: &Key) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.expose()))
    }

    /// The digest of an address, normalised first: 64 hexadecimal digits.
    pub fn digest(&self, email: &str) -> String {
        let tag = hmac::sign(&self.0, normalised_email(email).as_bytes());
        hex::encode(tag.as_ref())
    }
}

impl std::fmt::Debug for EmailDigests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EmailDigests(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANNA: Uuid = Uuid::from_u128(1);
    const BERT: Uuid = Uuid::from_u128(2);

    #[test]
    fn opens_with_its_key_for_its_customer_and_field_alone() {
        let (key, other) = (Key::new([1; 32]), Key::new([2; 32]));
        let sealed = encrypt(&key, ANNA, Field::Name, "Anna Grün").unwrap();
        assert_eq!(
            decrypt(&key, ANNA, Field::Name, &sealed).as_deref(),
            Ok("Anna Grün")
        );
        for (key, customer, field) in [
            (&other, ANNA, Field::Name),
            (&key, BERT, Field::Name),
            (&key, ANNA, Field::Email),
        ] {
            assert_eq!(decrypt(key, customer, field, &sealed), Err(Error::Open));
        }
    }

    #[test]
    fn refuses_what_was_damaged() {
        let key = Key::new([1; 32]);
        let sealed = encrypt(&key, ANNA, Field::Name, "").unwrap();
        assert_eq!(decrypt(&key, ANNA, Field::Name, &sealed).as_deref(), Ok(""));
        let bytes = STANDARD.decode(&sealed.0).unwrap();
        for index in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[index] ^= 1;
            let damaged = Ciphertext(STANDARD.encode(damaged));
            assert_eq!(decrypt(&key, ANNA, Field::Name, &damaged), Err(Error::Open));
        }
        for text in ["", "AAAA", "not base64!"] {
            let damaged = Ciphertext(text.to_owned());
            assert_eq!(decrypt(&key, ANNA, Field::Name, &damaged), Err(Error::Open));
        }
    }

    #[test]
    fn never_encrypts_the_same_text_alike() {
        let key = Key::new([1; 32]);
        let seal = || encrypt(&key, ANNA, Field::Email, "anna@example.org").unwrap();
        assert_ne!(seal(), seal());
    }

    #[test]
    fn an_address_has_one_digest_however_it_is_written() {
        let digests = EmailDigests::new(&Key::new([7; 32]));
        let digest = digests.digest("anna@example.org");
        assert_eq!(digest, digests.digest(" Anna@Example.ORG\n"));
        assert_eq!(digest.len(), 64);
        assert_ne!(digest, digests.digest("bert@example.org"));
        assert_ne!(
            digest,
            EmailDigests::new(&Key::new([8; 32])).digest("anna@example.org")
        );
    }
}
