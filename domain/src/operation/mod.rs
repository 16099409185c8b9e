//! An operation: something that an operator did, with the reason. One stream an act.

pub mod command;
pub mod error;
pub mod event;
pub mod upcast;

use std::collections::BTreeMap;

use cqrs_es::event_sink::EventSink;
use serde::{Deserialize, Serialize};

pub use self::{command::Command, error::Error, event::Event};
use crate::{
    aggregate::{self, Aggregate, Services},
    text::check_text,
    time::Timestamp,
};

/// Names of the acts there are so far; permanent.
pub mod acts {
    /// The log was written to without a synchronous standby.
    pub const DURABILITY_SINGLE: &str = "log.durability_single";
    /// A notification that could not be delivered was tried again.
    pub const NOTIFICATION_RETRY: &str = "notification.retry";
    /// A customer was erased.
    pub const CUSTOMER_ERASE: &str = "customer.erase";
    /// A parked key was tried again.
    pub const PROJECTION_RETRY: &str = "projection.retry";
    /// A parked event was left out.
    pub const PROJECTION_SKIP: &str = "projection.skip";
    /// A rebuilt projection took the place of the live one.
    pub const PROJECTION_SWAP: &str = "projection.swap";
}

/// Most bytes of an act's or an argument's name.
pub const MAX_NAME_BYTES: usize = 64;
/// Most bytes of a subject or an actor: a line of a report.
pub const MAX_SUBJECT_BYTES: usize = 200;
/// Most bytes of a reason or an argument: a paragraph.
pub const MAX_REASON_BYTES: usize = 1_000;
/// Most arguments of an act.
pub const MAX_ARGUMENTS: usize = 16;

/// An operation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Operation {
    /// Whether the act is recorded.
    pub recorded: bool,
}

fn check_arguments(arguments: &BTreeMap<String, String>) -> Result<(), String> {
    if arguments.len() > MAX_ARGUMENTS {
        let found = arguments.len();
        return Err(format!(
            "must be at most {MAX_ARGUMENTS} arguments, are {found}"
        ));
    }
    for (name, text) in arguments {
        check_text(name, MAX_NAME_BYTES)?;
        if !text.is_empty() {
            check_text(text, MAX_REASON_BYTES)?;
        }
    }
    Ok(())
}

impl Aggregate for Operation {
    const TYPE: &'static str = "operation";
    const SNAPSHOT_SCHEMA: u32 = 1;
    type Command = Command;
    type Event = Event;
    type Error = Error;

    fn decide(&self, command: &Command, _now: Timestamp) -> Result<Vec<Event>, Error> {
        let Command::Record {
            act,
            subject,
            arguments,
            actor,
            reason,
        } = command;
        if self.recorded {
            return Err(Error::AlreadyRecorded);
        }
        let refuse = |at| move |detail| Error::Invalid { at, detail };
        check_text(act, MAX_NAME_BYTES).map_err(refuse("act"))?;
        check_text(subject, MAX_SUBJECT_BYTES).map_err(refuse("subject"))?;
        check_arguments(arguments).map_err(refuse("arguments"))?;
        check_text(actor, MAX_SUBJECT_BYTES).map_err(refuse("actor"))?;
        check_text(reason, MAX_REASON_BYTES).map_err(refuse("reason"))?;
        Ok(vec![Event::OperatorActed {
            act: act.clone(),
            subject: subject.clone(),
            arguments: arguments.clone(),
            actor: actor.clone(),
            reason: reason.clone(),
        }])
    }

    fn evolve(&mut self, event: &Event) {
        let Event::OperatorActed { .. } = event;
        self.recorded = true;
    }
}

impl cqrs_es::Aggregate for Operation {
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
