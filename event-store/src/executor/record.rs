//! Recording a batch: append, and what follows from each outcome.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Decider, Error, Shared,
    answer::{self, Known},
    batch::{self, Panicked, Round, Verdict},
    live,
    mailbox::{Open, Pending},
    settle::{self, Place},
    worker::Worker,
};
use crate::{
    claims::ClaimChange,
    committer::CommitError,
    log::{self, Outcome, Position, StreamId},
};

impl<D: Decider> Shared<D> {
    /// The time by the log's clock.
    pub(super) fn now(&self) -> Result<DateTime<Utc>, Error<D::Error>> {
        let doubt = |why| Error::Unavailable(format!("its clock can't be trusted: {why}"));
        self.clock.check().map_err(doubt)?;
        Ok(self.clock.now().trunc_subsecs(6))
    }
}

impl<D: Decider> Worker<D> {
    pub(super) fn stream(&self) -> StreamId {
        StreamId::new(D::TYPE, Arc::clone(&self.id))
    }

    /// Carries out commands until each is answered.
    pub(super) async fn execute(&mut self, mut open: Open<D>) {
        loop {
            let now = Instant::now();
            let (late, mut due): (Open<D>, Open<D>) = open
                .into_iter()
                .partition(|pending| pending.deadline <= now);
            for pending in late {
                pending.answer(Err(Error::Busy));
            }
            if due.is_empty() {
                break;
            }
            let rest = due.split_off(if self.single { 1 } else { due.len() });
            open = self.round(due).await;
            open.extend(rest);
        }
        self.single = false;
    }

    /// Decides commands and records what they bring about. What is left is to be decided again.
    async fn round(&mut self, mut open: Open<D>) -> Open<D> {
        let now = match self.load().await {
            Ok(()) => self.shared.now(),
            Err(error) => Err(error),
        };
        let now = match now {
            Ok(now) => now,
            Err(error) => return fail(open, &error),
        };
        let Some(live) = self.live.as_deref_mut() else {
            return open;
        };
        let now = live.not_before(now);
        let round = match batch::decide(live, &open, now) {
            Ok(round) => round,
            Err(panicked) => return self.panicked(open, panicked),
        };
        let rest = open.split_off(round.verdicts.len());
        let mut left = self.record(open, round).await;
        left.extend(rest);
        left
    }

    /// Records what was decided, and answers it. What is left is to be decided again.
    async fn record(&mut self, open: Open<D>, mut round: Round<D>) -> Open<D> {
        let Some(append) = round.append.take() else {
            return self.unrecorded(open, round).await;
        };
        let doubtful = doubtful(&round, &open);
        self.begin_turn();
        // An append at the version that was decided on proves the refusals beside it: the stream stood there since the batch before
        // was durable, so also while their ids were looked up.
        let (outcome, known) = tokio::join!(
            self.shared.committer.append(append),
            answer::look_up(&*self.shared.log, &doubtful)
        );
        match outcome {
            Ok(Outcome::Committed { first, last }) => {
                self.settle(open, round, Some((first, last)), known).await
            }
            Ok(Outcome::Known(known)) => {
                let ids = ids(&open);
                let all = answer::look_up(&*self.shared.log, &ids).await;
                let known = all.unwrap_or_else(|_| answer::by_id(vec![Some(known)]));
                let left = self.repeat(open, &known).await;
                // It may be an append of our own whose outcome was lost: what is in memory is then behind.
                self.refresh(left).await
            }
            Ok(Outcome::CommandPruned { command_id }) => {
                let before = open.len();
                let left = expire(open, command_id);
                if left.len() < before {
                    self.rewind();
                    return left;
                }
                // No command of ours: another process has recorded what time made due.
                self.catch_up(left).await
            }
            Ok(Outcome::ClaimTaken {
                namespace,
                key,
                stream,
            }) => {
                self.rewind();
                let claim = ClaimChange::Set {
                    namespace,
                    key,
                    stream,
                };
                self.claim_taken(open, &round, claim).await
            }
            Ok(Outcome::VersionConflict {
                actual, expected, ..
            }) => {
                metrics::counter!(crate::metrics::APPEND_CONFLICTS).increment(1);
                if actual < expected {
                    self.live = None;
                }
                self.catch_up(open).await
            }
            Err(error) => self.failed(open, &round, error).await,
        }
    }

    /// Answers what was decided, now that it is durable.
    pub(super) async fn settle(
        &mut self,
        open: Open<D>,
        round: Round<D>,
        stored: Option<(Position, Position)>,
        known: Result<Known, log::Error>,
    ) -> Open<D> {
        let Some(live) = self.live.as_deref_mut() else {
            return open;
        };
        let place = Place {
            stream: live.stream.clone(),
            version: live.version,
            before: live.position,
            first: stored.map_or(0, |(first, _)| first.0),
        };
        // Positions that went back tell of a log that was cut: a fail-over took away what this state was folded from.
        let cut = stored.is_some_and(|(first, _)| first <= place.before);
        if let Some((_, last)) = stored {
            live.commit(&round.events, last, round.now);
        }
        if cut {
            self.live = None;
        } else {
            live::save_snapshot(&self.shared, live);
        }
        let answered = settle::deliver(open, round, &place, &known);
        answer::repeat(&*self.shared.log, answered.repeats).await;
        if stored.is_some() {
            self.end_turn().await;
        }
        answered.left
    }

    pub(super) fn rewind(&mut self) {
        if let Some(live) = self.live.as_deref_mut() {
            live.rewind();
        }
    }

    /// The append has no outcome.
    async fn failed(&mut self, open: Open<D>, round: &Round<D>, error: CommitError) -> Open<D> {
        self.rewind();
        match error {
            CommitError::Overloaded => fail(open, &Error::Overloaded),
            CommitError::Closed => fail(open, &Error::Unavailable("shutting down".to_owned())),
            CommitError::Log(log::Error::Unknown(why)) => self.resolve(open, round, &why).await,
            CommitError::Log(log::Error::Invalid(_)) if open.len() > 1 => {
                self.single = true;
                open
            }
            CommitError::Log(error @ (log::Error::Invalid(_) | log::Error::Corrupt(_))) => {
                fail(open, &Error::Broken(error.to_string()))
            }
            CommitError::Log(error) => fail(open, &Error::Unavailable(error.to_string())),
        }
    }

    /// A defect of the aggregate: its command is answered, the state forgotten, the others decided again.
    fn panicked(&mut self, mut open: Open<D>, panicked: Panicked) -> Open<D> {
        tracing::error!(aggregate = %self.stream(), message = panicked.message, "deciding panicked");
        self.live = None;
        let error = Error::Broken(panicked.message);
        match panicked.command {
            Some(index) => open.remove(index).answer(Err(error)),
            None => open = fail(open, &error),
        }
        open
    }
}

pub(super) fn ids<D: Decider>(open: &[Box<Pending<D>>]) -> Vec<Uuid> {
    open.iter().map(|pending| pending.command_id).collect()
}

/// The commands whose decision left nothing that the log could have refused as a repeat.
pub(super) fn doubtful<D: Decider>(round: &Round<D>, open: &[Box<Pending<D>>]) -> Vec<Uuid> {
    let verdicts = round.verdicts.iter().zip(open);
    verdicts
        .filter(|(verdict, _)| matches!(verdict, Verdict::Nothing { .. } | Verdict::Refused { .. }))
        .map(|(_, pending)| pending.command_id)
        .collect()
}

/// Answers all alike.
pub(super) fn fail<D: Decider>(open: Open<D>, error: &Error<D::Error>) -> Open<D> {
    for pending in open {
        pending.answer(Err(error.clone()));
    }
    Vec::new()
}

/// Answers the command whose id is too old to be repeated. The others are left.
fn expire<D: Decider>(open: Open<D>, command_id: Uuid) -> Open<D> {
    let (expired, left): (Open<D>, Open<D>) = open
        .into_iter()
        .partition(|pending| pending.command_id == command_id);
    for pending in expired {
        pending.answer(Err(Error::KeyExpired));
    }
    left
}
