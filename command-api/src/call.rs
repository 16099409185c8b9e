//! A command on its way in: who calls, under which id, until when; and its way through the executor.

use std::{str::FromStr, time::Duration};

use axum::{extract::FromRequestParts, http::request::Parts};
use domain::{
    ids::{CustomerId, OrganizerId, ShowId},
    show::{self, Show},
};
use edge::{
    IdempotencyKey, Problem, RequestContext,
    auth::{Principal, Role},
};
use event_store::{
    Executor,
    commands::Fingerprint,
    executor::{self, Answer, Decided, Request},
};
use serde::Serialize;
use tokio::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

use crate::{
    commands::{self, Origin},
    deciding::{Deciding, Stored},
    error::{Refusal, refused},
    metrics,
    refusals::Asked,
    state::{AppState, Deps},
};

/// What identifies one call of a client.
#[derive(Debug, Clone)]
pub struct Call {
    /// Id of the command: the same for a repeat with the same key.
    pub command_id: Uuid,
    /// Who calls, in which trace.
    pub origin: Origin,
    /// When the call is answered with what is known by then.
    pub deadline: Instant,
}

/// A customer's call. As an argument of a handler it demands a customer's token.
#[derive(Debug, Clone)]
pub struct CustomerCall {
    /// Who.
    pub customer_id: CustomerId,
    /// What identifies the call.
    pub call: Call,
}

/// An organizer's call. As an argument of a handler it demands an organizer's token.
#[derive(Debug, Clone)]
pub struct OrganizerCall {
    /// Who.
    pub organizer_id: OrganizerId,
    /// What identifies the call.
    pub call: Call,
}

/// An administrator's call. As an argument of a handler it demands an administrator's token.
#[derive(Debug, Clone)]
pub struct AdminCall {
    /// Who.
    pub admin: Uuid,
    /// What identifies the call.
    pub call: Call,
}

impl Call {
    /// The call of `principal`, a text that is unique to whoever calls, in whose name its keys count.
    ///
    /// # Errors
    /// A 400 for an `Idempotency-Key` that is none.
    pub async fn of(
        principal: String,
        parts: &mut Parts,
        deadline: Duration,
    ) -> Result<Self, Problem> {
        let IdempotencyKey(key) = IdempotencyKey::from_request_parts(parts, &()).await?;
        let Ok(context) = RequestContext::from_request_parts(parts, &()).await;
        let (method, path) = (parts.method.as_str(), parts.uri.path());
        Ok(Self {
            command_id: commands::request_id(&principal, method, path, key.as_deref()),
            origin: Origin {
                actor: principal,
                correlation_id: context.correlation_id.to_string(),
                causation_id: None,
                traceparent: Some(context.traceparent.to_string()),
            },
            deadline: Instant::from_std(context.received_at) + deadline,
        })
    }

    async fn in_role(
        role: Role,
        parts: &mut Parts,
        state: &AppState,
    ) -> Result<(Uuid, Self), Problem> {
        let principal = Principal::from_request_parts(parts, state).await?;
        principal.require(role)?;
        let name = format!("{role}:{}", principal.id);
        Ok((
            principal.id,
            Self::of(name, parts, state.settings.deadline).await?,
        ))
    }
}

impl FromRequestParts<AppState> for CustomerCall {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let (id, call) = Call::in_role(Role::Customer, parts, state).await?;
        Ok(Self {
            customer_id: id.into(),
            call,
        })
    }
}

impl FromRequestParts<AppState> for OrganizerCall {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let (id, call) = Call::in_role(Role::Organizer, parts, state).await?;
        Ok(Self {
            organizer_id: id.into(),
            call,
        })
    }
}

impl FromRequestParts<AppState> for AdminCall {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let (admin, call) = Call::in_role(Role::Admin, parts, state).await?;
        Ok(Self { admin, call })
    }
}

/// A command's answer when the client's call led to it.
pub type Executed<A> = Answer<<A as domain::Aggregate>::Event>;

impl Deps {
    /// The fingerprint of a request's body.
    pub fn fingerprint(&self, body: &impl Serialize) -> Fingerprint {
        self.fingerprints.fingerprint(&commands::canonical(body))
    }

    /// Sends a client's command to the aggregate `id` and waits until its events are durable. `name` says in metrics and
    /// traces what was asked.
    ///
    /// # Errors
    /// The refusal, as the client gets to see it.
    pub async fn execute<A>(
        &self,
        name: &'static str,
        executor: &Executor<Deciding<A>>,
        id: impl ToString,
        call: &Call,
        fingerprint: Fingerprint,
        command: A::Command,
    ) -> Result<Executed<A>, Problem>
    where
        A: Stored<Error: Refusal>,
    {
        let sent = self
            .send(name, executor, id, call, fingerprint, command)
            .await;
        sent.map_err(|error| refused(&error, self.clock.now()))
    }

    /// As [`Deps::execute`] for a command to a show; a refusal tells where in the log the seats went that it names as gone.
    ///
    /// # Errors
    /// The refusal, as the client gets to see it.
    pub async fn execute_on_show(
        &self,
        name: &'static str,
        show_id: ShowId,
        call: &Call,
        fingerprint: Fingerprint,
        command: show::Command,
    ) -> Result<Executed<Show>, Problem> {
        let shows = &self.executors.shows;
        let asked = Asked::of(&command);
        let sent = self.send::<Show>(name, shows, show_id, call, fingerprint, command);
        match sent.await {
            Ok(answer) => Ok(answer),
            Err(error) => {
                let problem = refused(&error, self.clock.now());
                let executor::Error::Refused { error, position } = &error else {
                    return Err(problem);
                };
                let refusal = (error, *position);
                self.refusals
                    .by_show((name, call), (show_id, asked), refusal, &problem);
                Err(self.taken_seats.explain(show_id, error, problem).await)
            }
        }
    }

    /// As [`Deps::execute`], for those who look into the refusal themselves.
    ///
    /// # Errors
    /// The executor's.
    pub async fn send<A: Stored>(
        &self,
        name: &'static str,
        executor: &Executor<Deciding<A>>,
        id: impl ToString,
        call: &Call,
        fingerprint: Fingerprint,
        command: A::Command,
    ) -> Result<Executed<A>, executor::Error<A::Error>> {
        let id = id.to_string();
        let span = tracing::debug_span!(
            "command",
            command.name = name,
            command.id = %call.command_id,
            stream.aggregate_type = A::TYPE,
            stream.aggregate_id = id,
            log.position = tracing::field::Empty,
        );
        let request = call.request(fingerprint, command);
        let result = executor
            .execute(&id, request)
            .instrument(span.clone())
            .await;
        if let Ok(answer) = &result {
            span.record("log.position", answer.position.0);
        }
        metrics::command(name, result.as_ref().err().map(outcome));
        result
    }
}

impl Call {
    /// The command as the executor wants it.
    pub fn request<C>(&self, fingerprint: Fingerprint, command: C) -> Request<C> {
        Request {
            command_id: self.command_id,
            fingerprint,
            command,
            metadata: self.origin.metadata(),
            claims: Vec::new(),
            deadline: Some(self.deadline),
        }
    }
}

fn outcome<X: std::error::Error>(error: &executor::Error<X>) -> &'static str {
    match error {
        executor::Error::Refused { .. } | executor::Error::ClaimTaken { .. } => "refused",
        executor::Error::KeyReused | executor::Error::KeyExpired => "key_refused",
        executor::Error::Overloaded => "overloaded",
        executor::Error::Busy => "busy",
        executor::Error::Unknown(_) => "unknown",
        executor::Error::Unavailable(_) => "unavailable",
        executor::Error::Broken(_) => "broken",
    }
}

/// The one thing that an answer needs from its events.
///
/// # Errors
/// An internal problem: the command's events are not those that it brings about.
pub fn fact<E, T>(answer: &Answer<E>, find: impl Fn(&E) -> Option<T>) -> Result<T, Problem> {
    let mut found = answer
        .events
        .iter()
        .filter_map(|Decided { event, .. }| find(event));
    found
        .next()
        .ok_or_else(|| Problem::internal(&MissingFact(answer.stream.to_string())))
}

/// The id of a stream that an answer came from: for a repeat, that of the first time.
///
/// # Errors
/// An internal problem: the stream's name is not an id.
pub fn id_of<E, I: FromStr<Err = uuid::Error>>(answer: &Answer<E>) -> Result<I, Problem> {
    let id = answer.stream.aggregate_id.parse();
    id.map_err(|error: uuid::Error| Problem::internal(&error))
}

#[derive(Debug, thiserror::Error)]
#[error("the command's events on {0} lack what its answer is built from")]
struct MissingFact(String);
