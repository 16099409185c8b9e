//! A customer: a profile that the log knows only as ciphertext.

pub mod command;
pub mod error;
pub mod event;
pub mod upcast;

use chrono::TimeDelta;
use cqrs_es::event_sink::EventSink;
use serde::{Deserialize, Serialize};

pub use self::{command::Command, error::Error, event::Event};
use crate::{
    aggregate::{self, Aggregate, Services},
    ids::CustomerId,
    time::Timestamp,
};

/// How long whoever erases a customer has to destroy what can be read, before the process manager does.
pub const RESUME_AFTER: TimeDelta = TimeDelta::seconds(10);

/// A customer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Customer {
    /// Who; `None` before the registration.
    pub customer_id: Option<CustomerId>,
    /// E-mail address, encrypted.
    pub email: event::Ciphertext,
    /// Name, encrypted.
    pub name: event::Ciphertext,
    /// Whether the customer was erased.
    pub erased: bool,
    /// When the destruction of what can be read is taken up again, until it is done.
    pub resume_at: Option<Timestamp>,
}

impl Customer {
    /// Who, unless there is none or it was erased.
    fn live(&self) -> Result<CustomerId, Error> {
        match self.customer_id {
            None => Err(Error::NotFound),
            Some(_) if self.erased => Err(Error::Erased),
            Some(customer_id) => Ok(customer_id),
        }
    }
}

impl Aggregate for Customer {
    const TYPE: &'static str = "customer";
    const SNAPSHOT_SCHEMA: u32 = 2;
    type Command = Command;
    type Event = Event;
    type Error = Error;

    fn decide(&self, command: &Command, now: Timestamp) -> Result<Vec<Event>, Error> {
        match command {
            Command::Register {
                customer_id,
                email,
                name,
            } => match self.live() {
                Err(Error::NotFound) => Ok(vec![Event::CustomerRegistered {
                    customer_id: *customer_id,
                    email: email.clone(),
                    name: name.clone(),
                }]),
                Err(refusal) => Err(refusal),
                Ok(_) => Err(Error::AlreadyRegistered),
            },
            Command::Update { email, name } => Ok(vec![Event::CustomerUpdated {
                customer_id: self.live()?,
                email: email.clone(),
                name: name.clone(),
            }]),
            Command::Erase => match self.live() {
                Ok(customer_id) => Ok(vec![Event::CustomerErased {
                    customer_id,
                    resume_at: Some(now + RESUME_AFTER),
                }]),
                // Erasing is repeated until the key is gone: once recorded, it is recorded.
                Err(Error::Erased) => Ok(Vec::new()),
                Err(refusal) => Err(refusal),
            },
            Command::NoteDestruction => match (self.customer_id, self.resume_at) {
                (Some(customer_id), Some(_)) => {
                    Ok(vec![Event::PersonalDataDestroyed { customer_id }])
                }
                (Some(_), None) if self.erased => Ok(Vec::new()),
                // Of a customer who was not erased nothing may be destroyed.
                _ => Err(Error::NotFound),
            },
        }
    }

    fn evolve(&mut self, event: &Event) {
        match event {
            Event::CustomerRegistered {
                customer_id,
                email,
                name,
            }
            | Event::CustomerUpdated {
                customer_id,
                email,
                name,
            } => {
                self.customer_id = Some(*customer_id);
                self.email = email.clone();
                self.name = name.clone();
            }
            Event::CustomerErased {
                customer_id,
                resume_at,
            } => {
                self.resume_at = *resume_at;
                self.customer_id = Some(*customer_id);
                self.email = event::Ciphertext::default();
                self.name = event::Ciphertext::default();
                self.erased = true;
            }
            Event::PersonalDataDestroyed { .. } => self.resume_at = None,
        }
    }

    fn wake_at(&self) -> Option<Timestamp> {
        self.resume_at
    }
}

impl cqrs_es::Aggregate for Customer {
    const TYPE: &'static str = <Self as Aggregate>::TYPE;
    type Command = Command;
    type Event = Event;
    type Error = Error;
    type Services = Services;

    async fn handle(
        &mut self,
        command: Command,
        services: &Services,
        sink: &EventSink<Self>,
    ) -> Result<(), Error> {
        aggregate::handle(self, command, services, sink).await
    }

    fn apply(&mut self, event: Event) {
        self.evolve(&event);
    }
}

#[cfg(test)]
mod tests;
