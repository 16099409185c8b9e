//! Erasing a customer: what is recorded stays and can't be read any more, because its key is destroyed.
//!
//! ```text
//!  CustomerErased ──▶ key ──▶ password, sessions ──▶ PersonalDataDestroyed
//!  releases the e-mail's claim; sets the timer        clears the timer
//! ```
//!
//! Cut off anywhere, the process manager does all of it again once the timer comes due, and changes nothing that is done. An access token that
//! is out goes on to be good for its few minutes, as it does after signing out.

use std::fmt::Debug;

use domain::{
    Aggregate,
    customer::{self, Command, Customer, event::Ciphertext},
    ids::CustomerId,
};
use event_store::{
    Clock, Executor, Position, StreamId,
    claims::ClaimChange,
    executor::{self, Request},
};

use crate::{
    commands::{self, Origin},
    credentials::{self, Credentials},
    deciding::Deciding,
    failpoints::Failpoints,
    identity::EMAIL_CLAIM,
    key_store::{self, HmacPurpose, KeyStore},
    personal_data::{self, EmailDigests, Field},
};

/// Why an erasure does not go on now. What is recorded is taken up again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The customer's.
    #[error(transparent)]
    Customer(#[from] executor::Error<customer::Error>),
    /// The key store's.
    #[error(transparent)]
    Keys(#[from] key_store::Error),
    /// The credentials'.
    #[error(transparent)]
    Credentials(#[from] credentials::Error),
    /// The e-mail address can't be read, so its claim can't be released.
    #[error("the e-mail address of customer {0} can't be read")]
    Email(CustomerId, #[source] personal_data::Error),
}

/// What erasing needs.
#[derive(Debug, Clone, Copy)]
pub struct Erasure<'a> {
    /// Where the customer's commands go.
    pub customers: &'a Executor<Deciding<Customer>>,
    /// Keys of personal data.
    pub keys: &'a dyn KeyStore,
    /// Passwords and sessions.
    pub credentials: &'a dyn Credentials,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Where tests make the process stop.
    pub failpoints: &'a Failpoints,
}

impl Erasure<'_> {
    /// Whether there is such a customer, erased or not.
    ///
    /// # Errors
    /// The executor's.
    pub async fn knows(&self, customer: CustomerId) -> Result<bool, Error> {
        let id = customer.to_string();
        let known = self.customers.read(&id, |customer: &Customer, _, _| {
            customer.customer_id.is_some()
        });
        Ok(known.await?)
    }

    /// Records that the customer is erased, and releases the claim on the e-mail address. Answers where in the log; a repeat, too.
    ///
    /// # Errors
    /// [`Error`]; a customer that there is not as the customer's refusal.
    pub async fn record(&self, customer: CustomerId, origin: &Origin) -> Result<Position, Error> {
        let id = customer.to_string();
        let email: Option<Ciphertext> = self
            .customers
            .read(&id, |customer: &Customer, _, _| {
                (customer.customer_id.is_some() && !customer.erased).then(|| customer.email.clone())
            })
            .await?;
        let mut request: Request<Command> =
            commands::step(customer.0, "erase", origin, None, Command::Erase);
        if let (Some(email), Some(key)) = (email, self.keys.key(customer.0).await?) {
            let email = personal_data::decrypt(&key, customer.0, Field::Email, &email)
                .map_err(|error| Error::Email(customer, error))?;
            let digests = EmailDigests::new(&self.keys.hmac_key(HmacPurpose::Email).await?);
            request.claims.push(ClaimChange::Release {
                namespace: EMAIL_CLAIM.to_owned(),
                key: digests.digest(&email),
                stream: StreamId::new(<Customer as Aggregate>::TYPE, id.clone()),
            });
        }
        let answer = self.customers.execute(&id, request).await?;
        self.failpoints.pass("erasure.recorded").await;
        Ok(answer.position)
    }

    /// Destroys what makes an erased customer's data readable, and records that it is done. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn destroy(&self, customer: CustomerId) -> Result<Position, Error> {
        let id = customer.to_string();
        let erased = self
            .customers
            .read(&id, |customer: &Customer, _, _| customer.erased);
        if erased.await? {
            self.keys.destroy_key(customer.0, self.clock.now()).await?;
            self.failpoints.pass("erasure.key_destroyed").await;
            self.credentials.erase(customer.0).await?;
            self.failpoints.pass("erasure.destroyed").await;
        }
        let origin = Origin::manager("erasure", customer.0);
        let command = Command::NoteDestruction;
        let request = commands::step(customer.0, "destroyed", &origin, None, command);
        Ok(self.customers.execute(&id, request).await?.position)
    }
}
