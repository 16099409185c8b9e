//! Recording a batch: append, and what follows from each outcome.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, SubsecRound, Utc};
use tokio::time::{Instant, sleep};
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
    log::{self, Append, Outcome, Position, StreamId},
};

/// How often the log is asked what became of an append before the outcome is called unknown.
const RESOLVE_ATTEMPTS: usize = 3;

/// Pause between those attempts.
const RESOLVE_PAUSE: Duration = Duration::from_millis(20);

/// A stream is shared with another process while its events were met this recently.
const RIVAL_MEMORY: Duration = Duration::from_secs(1);

/// On a shared stream, the pause after an append of our own that lets the other process have its turn.
const RIVAL_PAUSE: Duration = Duration::from_millis(3);

/// What a pause is lengthened by at most, so that two processes do not keep step.
const RIVAL_JITTER_MICROS: u64 = 2_000;

impl<D: Decider> Shared<D> {
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now().trunc_subsecs(6)
    }

    async fn append(&self, append: Option<Append>) -> Option<Result<Outcome, CommitError>> {
        match append {
            Some(append) => Some(self.committer.append(append).await),
            None => None,
        }
    }
}

impl<D: Decider> Worker<D> {
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
        if let Err(error) = self.load().await {
            return fail(open, &error);
        }
        let Some(live) = self.live.as_deref_mut() else {
            return open;
        };
        let now = live.not_before(self.shared.now());
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
        let append = round.append.take();
        let doubtful = doubtful(&round, &open);
        let (outcome, known) = tokio::join!(
            self.shared.append(append),
            answer::look_up(&*self.shared.log, &doubtful)
        );
        match outcome {
            None => self.settle(open, round, None, known).await,
            Some(Ok(Outcome::Committed { first, last })) => {
                self.settle(open, round, Some((first, last)), known).await
            }
            Some(Ok(Outcome::Known(_))) => {
                let left = self.sift(open).await;
                // It may be an append of our own whose outcome was lost: what is in memory is then behind.
                self.refresh(left).await
            }
            Some(Ok(Outcome::CommandPruned { command_id })) => {
                let before = open.len();
                let left = expire(open, command_id);
                if left.len() < before {
                    self.rewind();
                    return left;
                }
                // No command of ours: another process has recorded what time made due.
                self.catch_up(left).await
            }
            Some(Ok(Outcome::ClaimTaken {
                namespace,
                key,
                stream,
            })) => {
                self.rewind();
                let claim = ClaimChange::Set {
                    namespace,
                    key,
                    stream,
                };
                self.claim_taken(open, &round, claim)
            }
            Some(Ok(Outcome::VersionConflict {
                actual, expected, ..
            })) => {
                metrics::counter!(crate::metrics::APPEND_CONFLICTS).increment(1);
                if actual < expected {
                    self.live = None;
                }
                self.catch_up(open).await
            }
            Some(Err(error)) => self.failed(open, &round, error).await,
        }
    }

    /// Answers the command that sets a claim which another stream holds. The others are left.
    fn claim_taken(&self, mut open: Open<D>, round: &Round<D>, claim: ClaimChange) -> Open<D> {
        let own = self.stream();
        let mut candidates = open.iter().zip(&round.verdicts);
        let taker = candidates
            .position(|(pending, verdict)| sets(pending, verdict, round, &own, claim.pair()));
        let Some(taker) = taker else {
            return fail(
                open,
                &Error::Broken(format!("no command asked for {claim:?}")),
            );
        };
        let (ClaimChange::Set {
            namespace,
            key,
            stream,
        }
        | ClaimChange::Release {
            namespace,
            key,
            stream,
        }) = claim;
        open.remove(taker).answer(Err(Error::ClaimTaken {
            namespace,
            key,
            stream,
        }));
        open
    }

    fn stream(&self) -> StreamId {
        StreamId::new(D::TYPE, Arc::clone(&self.id))
    }

    /// Answers what was decided, now that it is durable.
    async fn settle(
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
        if let Some((_, last)) = stored {
            live.commit(&round.events, last, round.now);
        }
        live::save_snapshot(&self.shared, live);
        let answered = settle::deliver(open, round, &place, &known);
        answer::repeat(&*self.shared.log, answered.repeats).await;
        if stored.is_some() {
            self.yield_to_rival().await;
        }
        answered.left
    }

    /// Answers those that the log knows; the others are left.
    async fn sift(&mut self, open: Open<D>) -> Open<D> {
        let ids: Vec<Uuid> = open.iter().map(|pending| pending.command_id).collect();
        let known = match answer::look_up(&*self.shared.log, &ids).await {
            Ok(known) => known,
            Err(error) => return fail(open, &Error::Unavailable(error.to_string())),
        };
        let (mut repeats, mut left) = (Vec::new(), Vec::new());
        for pending in open {
            match known.get(&pending.command_id) {
                Some(known) => repeats.push((pending, known.clone())),
                None => left.push(pending),
            }
        }
        answer::repeat(&*self.shared.log, repeats).await;
        left
    }

    fn rewind(&mut self) {
        if let Some(live) = self.live.as_deref_mut() {
            live.rewind();
        }
    }

    /// The stream has moved on: folds on what others have written.
    async fn catch_up(&mut self, open: Open<D>) -> Open<D> {
        let version = self.live.as_ref().map(|live| live.version);
        let open = self.refresh(open).await;
        // Nothing new where there must be: what is in memory can't be trusted.
        self.live = self.live.take().filter(|live| Some(live.version) > version);
        open
    }

    /// Folds the stream's tail on, if there is any.
    async fn refresh(&mut self, open: Open<D>) -> Open<D> {
        let Some(live) = self.live.as_deref_mut() else {
            return open;
        };
        match live.catch_up(&*self.shared.log).await {
            Ok(true) => open,
            Ok(false) => {
                self.live = None;
                open
            }
            Err(error) => {
                self.live = None;
                fail(open, &error)
            }
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

    /// The append may have been stored: the log's record of commands tells. While it can't be asked, the aggregate is not
    /// decided on.
    async fn resolve(&mut self, mut open: Open<D>, round: &Round<D>, why: &str) -> Open<D> {
        metrics::counter!(crate::metrics::UNKNOWN_OUTCOMES).increment(1);
        for (pending, verdict) in open.iter_mut().zip(&round.verdicts) {
            let sent = match verdict {
                Verdict::Again(first) => matches!(round.verdicts[*first], Verdict::Events(_)),
                Verdict::Events(_) => true,
                Verdict::Nothing { .. } | Verdict::Refused { .. } => false,
            };
            pending.unresolved |= sent;
        }
        let ids: Vec<Uuid> = open.iter().map(|pending| pending.command_id).collect();
        for _ in 0..RESOLVE_ATTEMPTS {
            if answer::look_up(&*self.shared.log, &ids).await.is_ok() {
                // What was stored is in the stream's tail, whoever is answered from it.
                self.live = None;
                return self.sift(open).await;
            }
            sleep(RESOLVE_PAUSE).await;
        }
        self.live = None;
        fail(open, &Error::Unavailable(why.to_owned()))
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

    /// Where another process writes to the stream too, it gets a turn.
    async fn yield_to_rival(&mut self) {
        let Some(live) = &self.live else { return };
        let shared = live
            .rival_seen
            .is_some_and(|seen| seen.elapsed() < RIVAL_MEMORY);
        if shared {
            let jitter =
                Duration::from_micros(live.position.0.wrapping_mul(7_919) % RIVAL_JITTER_MICROS);
            sleep(RIVAL_PAUSE + jitter).await;
        }
    }
}

/// The commands whose decision left nothing that the log could have refused as a repeat.
fn doubtful<D: Decider>(round: &Round<D>, open: &[Box<Pending<D>>]) -> Vec<Uuid> {
    let verdicts = round.verdicts.iter().zip(open);
    verdicts
        .filter(|(verdict, _)| matches!(verdict, Verdict::Nothing { .. } | Verdict::Refused { .. }))
        .map(|(_, pending)| pending.command_id)
        .collect()
}

/// Whether a command sets a claim, by its events or beside them.
fn sets<D: Decider>(
    pending: &Pending<D>,
    verdict: &Verdict<D::Error>,
    round: &Round<D>,
    stream: &StreamId,
    pair: (&str, &str),
) -> bool {
    let Verdict::Events(range) = verdict else {
        return false;
    };
    let is_it =
        |claim: &ClaimChange| matches!(claim, ClaimChange::Set { .. }) && claim.pair() == pair;
    pending.claims.iter().any(is_it)
        || round.events[range.clone()]
            .iter()
            .any(|event| D::claims(stream, event).iter().any(is_it))
}

/// Answers all alike.
fn fail<D: Decider>(open: Open<D>, error: &Error<D::Error>) -> Open<D> {
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
