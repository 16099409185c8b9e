//! Operators' acts: recorded in the log, with who and why, before or as they take effect.

use std::collections::BTreeMap;

use domain::operation::{Command, Error, Operation};
use event_store::{
    Executor, Position,
    commands::Fingerprint,
    executor::{self, Request},
};
use uuid::Uuid;

use crate::{commands::Origin, deciding::Deciding};

/// Something that an operator does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// One of [`domain::operation::acts`].
    pub act: &'static str,
    /// What it is done to.
    pub subject: String,
    /// How, by name.
    pub arguments: BTreeMap<String, String>,
    /// Who does it: an administrator's id, or `user@host` for the command line.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// Records an act, and answers where it stands once it is durable.
///
/// # Errors
/// The executor's; what is wrong with the act as [`executor::Error::Refused`].
pub async fn record(
    operations: &Executor<Deciding<Operation>>,
    act: Act,
) -> Result<Position, executor::Error<Error>> {
    let id = Uuid::now_v7();
    let origin = Origin {
        actor: format!("operator:{}", act.actor),
        correlation_id: id.to_string(),
        ..Origin::default()
    };
    let request = Request {
        command_id: id,
        fingerprint: Fingerprint::default(),
        command: Command::Record {
            act: act.act.to_owned(),
            subject: act.subject,
            arguments: act.arguments,
            actor: act.actor,
            reason: act.reason,
        },
        metadata: origin.metadata(),
        claims: Vec::new(),
        deadline: None,
    };
    let answer = operations.execute(&id.to_string(), request).await?;
    Ok(answer.position)
}
