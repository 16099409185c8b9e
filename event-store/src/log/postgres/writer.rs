//! Writing: the one task that owns the session which appends. Its jobs run to their end whoever stops waiting for them, and it never
//! cancels a statement: a commit that waits for its standby must not be told to stop waiting.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use sqlx::{
    Connection, Row,
    postgres::{PgDatabaseError, PgRow, PgSeverity},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};
use uuid::Uuid;

use super::{
    arguments::Arguments,
    confirm::{Shared, confirm},
    corrupt,
    notices::Notices,
    read, servers, sql, unavailable,
};
use crate::{
    claims::ClaimChange,
    log::{
        Append, Error, Outcome, Position, advance,
        conflicts::{self, Found},
    },
};

/// How often a batch is tried. Each time the appends that conflict are left out, so that only what other processes commit in between
/// can be in the way again.
const ROUNDS: usize = 8;

/// What the writer is asked to do, and where it answers.
#[derive(Debug)]
pub(super) enum Job {
    /// Stores a batch of valid appends.
    Append {
        batch: Vec<Append>,
        reply: oneshot::Sender<Result<Vec<Outcome>, Error>>,
    },
    /// Ends the task.
    Close,
}

/// Works until the log is dropped or closed.
pub(super) async fn run(
    mut jobs: mpsc::Receiver<Job>,
    shared: Arc<Shared>,
    head: watch::Sender<Position>,
) {
    let mut writer = Writer {
        deadline: shared.deadline,
        shared,
        session: None,
        notices: Notices::new(),
        head,
    };
    while let Some(job) = jobs.recv().await {
        match job {
            // Whoever asked may be gone: then nobody wants the answer.
            Job::Append { batch, reply } => {
                drop(reply.send(writer.append(&batch).await));
                #[cfg(feature = "acknowledge-before-commit")]
                writer.commit().await;
            }
            Job::Close => jobs.close(),
        }
    }
    if let Some(session) = writer.session
        && let Err(error) = session.connection.close().await
    {
        tracing::warn!(%error, "the log's writer did not close cleanly");
    }
}

struct Writer {
    shared: Arc<Shared>,
    /// None after a failure that leaves its state in doubt; the next job opens another.
    session: Option<servers::Writer>,
    notices: Notices,
    head: watch::Sender<Position>,
    deadline: Duration,
}

/// Why a batch was not stored.
enum Failure {
    /// Something stands in its way; nothing is stored.
    Violation(String),
    /// It ends as this for all.
    Error(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// What `append_events` answers.
struct Stored {
    first: Position,
    epoch: u64,
    told_at: DateTime<Utc>,
}

impl Writer {
    async fn append(&mut self, batch: &[Append]) -> Result<Vec<Outcome>, Error> {
        let outcomes = self.try_append(batch).await;
        if outcomes.is_err() {
            // Dropped, not closed: a server that waits for its standby would not answer.
            self.session = None;
        }
        let last = outcomes
            .iter()
            .flatten()
            .filter_map(|outcome| match outcome {
                Outcome::Committed { last, .. } => Some(*last),
                _ => None,
            });
        if let (Some(last), Some(session)) = (last.max(), &self.session) {
            self.shared.confirmed(session.generation, last);
            advance(&self.head, last);
        }
        outcomes
    }

    /// Tries the whole batch as if nothing in it could conflict; then, as long as something does, what is left of it.
    async fn try_append(&mut self, batch: &[Append]) -> Result<Vec<Outcome>, Error> {
        let mut outcomes = vec![None; batch.len()];
        let mut found = Found::default();
        let mut why = String::new();
        for round in 0..ROUNDS {
            let rest = left(batch, &outcomes);
            if rest.is_empty() {
                break;
            }
            let as_one_change = round > 0 || !batch.iter().any(conflicts::repeats_a_claim);
            let stored = if as_one_change {
                let holders = (round > 0).then_some(&found.holders);
                self.store(Arguments::of(&rest, holders)).await
            } else {
                Err(Failure::Violation("a claim changes twice".to_owned()))
            };
            match stored {
                Ok(stored) => {
                    let mut stored = conflicts::committed(rest, stored.first).into_iter();
                    for outcome in outcomes.iter_mut().filter(|o| o.is_none()) {
                        *outcome = stored.next();
                    }
                    break;
                }
                Err(Failure::Error(error)) => return Err(error),
                Err(Failure::Violation(violation)) => why = violation,
            }
            #[cfg(feature = "acknowledge-before-commit")]
            if let Some(session) = &mut self.session {
                super::premature::roll_back(&mut session.connection).await?;
            }
            if round == 0 {
                conflicts::check_disjoint(batch)?;
            }
            found = self.find(&rest).await?;
            for (outcome, append) in outcomes.iter_mut().zip(batch) {
                *outcome = outcome.take().or_else(|| found.conflict(append));
            }
        }
        if !left(batch, &outcomes).is_empty() {
            return Err(Error::Unavailable(format!(
                "the append was in the way of others {ROUNDS} times: {why}"
            )));
        }
        let outcomes: Vec<_> = outcomes.into_iter().flatten().collect();
        self.confirm_known(&outcomes).await?;
        Ok(outcomes)
    }

    async fn store(&mut self, rows: Arguments<'_>) -> Result<Stored, Failure> {
        let session = session(&mut self.session, &self.shared).await?;
        let generation = session.generation;
        #[cfg(feature = "acknowledge-before-commit")]
        super::premature::begin(&mut session.connection).await?;
        let call = rows.bind(sql!("append_events"), session.needs_standby);
        let sent = Instant::now();
        let call = timeout(self.deadline, call.fetch_one(&mut session.connection));
        let (row, warning) = self.notices.listen(call).await;
        let received = Instant::now();
        let row = row.map_err(|_| {
            Error::Unknown(format!(
                "the log's server did not confirm the commit within {:?}",
                self.deadline
            ))
        })?;
        let stored = row.map_err(|e| failure(&e))?;
        if let Some(warning) = warning {
            return Err(Error::Unknown(format!("the log's server warned: {warning}")).into());
        }
        // Stored it is, whatever can't be read of the answer.
        let stored = stored_at(&stored).map_err(|e| Error::Unknown(e.to_string()))?;
        self.shared.servers.saw(stored.epoch);
        self.shared
            .clock
            .observe(generation, sent, received, stored.told_at);
        Ok(stored)
    }

    /// Commits what was answered already.
    #[cfg(feature = "acknowledge-before-commit")]
    async fn commit(&mut self) {
        let Some(session) = &mut self.session else {
            return;
        };
        if let Err(error) = super::premature::commit(&mut session.connection).await {
            tracing::error!(%error, "what was acknowledged was not committed");
            self.session = None;
        }
    }

    /// Reads what stands in the way of appends.
    async fn find(&mut self, appends: &[&Append]) -> Result<Found, Error> {
        let session = session(&mut self.session, &self.shared).await?;
        let parts = || appends.iter().flat_map(|a| &a.streams);
        let commands = appends.iter().flat_map(|a| &a.commands);
        let commands: Vec<Uuid> = commands.map(|c| c.command_id).collect();
        let events = parts().flat_map(|s| &s.events);
        let events: Vec<Uuid> = events.map(|e| e.event_id).collect();
        let pairs = appends.iter().flat_map(|a| &a.claims);
        let (namespaces, keys): (Vec<&str>, Vec<&str>) = pairs.map(ClaimChange::pair).unzip();
        let (kinds, ids): (Vec<&str>, Vec<&str>) = parts()
            .map(|s| (&*s.stream.aggregate_type, &*s.stream.aggregate_id))
            .unzip();
        let rows = sqlx::query(sql!("find_conflicts"))
            .bind(commands)
            .bind(events)
            .bind(namespaces)
            .bind(keys)
            .bind(kinds)
            .bind(ids)
            .fetch_all(&mut session.connection);
        let rows = timeout(self.deadline, rows).await;
        let rows = rows
            .map_err(|_| Error::Unavailable("the log's server does not answer".to_owned()))?
            .map_err(|e| unavailable(&e))?;
        read::found(&rows)
    }

    /// A command that is known here may be unknown to the standby still: it is answered as known once it is there.
    async fn confirm_known(&mut self, outcomes: &[Outcome]) -> Result<(), Error> {
        let known = outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Known(known) => Some(known.last),
            _ => None,
        });
        let Some(last) = known.max() else {
            return Ok(());
        };
        if outcomes
            .iter()
            .any(|o| matches!(o, Outcome::Committed { .. }))
        {
            // That commit came after it.
            return Ok(());
        }
        let session = session(&mut self.session, &self.shared).await?;
        let generation = session.generation;
        confirm(&self.shared, generation, &mut session.connection, last).await
    }
}

async fn session<'a>(
    slot: &'a mut Option<servers::Writer>,
    shared: &Shared,
) -> Result<&'a mut servers::Writer, Error> {
    if slot.is_none() {
        *slot = Some(shared.servers.connect_writer().await?);
    }
    Ok(slot.as_mut().expect("was just filled"))
}

/// The appends that have no outcome yet.
fn left<'a>(batch: &'a [Append], outcomes: &[Option<Outcome>]) -> Vec<&'a Append> {
    let left = batch.iter().zip(outcomes);
    left.filter_map(|(append, outcome)| outcome.is_none().then_some(append))
        .collect()
}

fn stored_at(row: &PgRow) -> Result<Stored, Error> {
    Ok(Stored {
        first: Position(read::number(row, 0)?),
        epoch: read::number(row, 1)?,
        told_at: row.try_get(2).map_err(|e| corrupt(&e))?,
    })
}

/// What an error of `append_events` means. An error that the server itself reports came before the commit: after it, there are only
/// warnings, and the end of the session.
fn failure(error: &sqlx::Error) -> Failure {
    let unknown = || Error::Unknown(error.to_string()).into();
    let sqlx::Error::Database(reported) = error else {
        return unknown();
    };
    let fatal = reported
        .try_downcast_ref::<PgDatabaseError>()
        .is_none_or(|e| matches!(e.severity(), PgSeverity::Fatal | PgSeverity::Panic));
    let code = reported.code().unwrap_or_default();
    match &*code {
        _ if fatal => unknown(),
        // 21: the batch touches one row twice.
        code if code.starts_with("23") || code.starts_with("21") => {
            Failure::Violation(error.to_string())
        }
        "EL001" | "EL002" => Error::Unavailable(reported.message().to_owned()).into(),
        code if code.starts_with("22") || code.starts_with("54") => {
            Error::Invalid(error.to_string()).into()
        }
        // Shutting down or cancelled from outside: it should not have been committed, but nothing hangs on being sure.
        code if code.starts_with("57") => unknown(),
        _ => Error::Unavailable(error.to_string()).into(),
    }
}
