//! Several writers of one stream: confirming what is not recorded, folding on what others wrote, taking turns.
//!
//! What is recorded proves itself: the append names the version it was decided on. A refusal, an answer without events and a taken
//! claim leave nothing that could fail. On a log that other processes append to as well, they are answered only once the stream was
//! seen to stand where they were decided and their ids to be unknown.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{
    Decider, Error,
    answer::{self, Known},
    batch::{Round, Verdict},
    mailbox::{Open, Pending},
    record::{doubtful, fail},
    worker::Worker,
};
use crate::{
    claims::ClaimChange,
    log::{self, StreamId},
};

/// A stream is shared with another process while its events were met this recently.
const RIVAL_MEMORY: Duration = Duration::from_secs(1);

/// On a shared log, appends of our own follow each other without a break for so long at most. Whoever always comes second is never
/// seen: it can't append while the first does without a break. 4 % of the first one's time.
const LONGEST_RUN: Duration = Duration::from_millis(100);

/// On a shared stream, the pause after an append of our own that lets the other process have its turn.
const RIVAL_PAUSE: Duration = Duration::from_millis(3);

/// What a pause is lengthened by at most, so that two processes do not keep step.
const RIVAL_JITTER_MICROS: u64 = 2_000;

impl<D: Decider> Worker<D> {
    /// Answers a batch that brought about nothing. What is left is to be decided again.
    pub(super) async fn unrecorded(&mut self, open: Open<D>, round: Round<D>) -> Open<D> {
        match self.confirm(&doubtful(&round, &open)).await {
            Ok((known, true)) => self.settle(open, round, None, Ok(known)).await,
            Ok((known, false)) => {
                let left = self.repeat(open, &known).await;
                self.catch_up(left).await
            }
            Err(error) => fail(open, &Error::Unavailable(error.to_string())),
        }
    }

    /// Answers the command that sets a claim which another stream holds. The others are left.
    pub(super) async fn claim_taken(
        &mut self,
        mut open: Open<D>,
        round: &Round<D>,
        claim: ClaimChange,
    ) -> Open<D> {
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
        // In one process the mailbox knows: its append is refused for a known id before it is for a claim.
        if self.shared.log.is_shared() {
            match self.confirm(&[open[taker].command_id]).await {
                Ok((known, true)) if known.is_empty() => {}
                Ok((known, _)) => {
                    let left = self.repeat(open, &known).await;
                    return self.refresh(left).await;
                }
                Err(error) => return fail(open, &Error::Unavailable(error.to_string())),
            }
        }
        let stands_at = self.live.as_ref().map_or(0, |live| live.version);
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
        let error = Error::ClaimTaken {
            namespace,
            key,
            stream,
        };
        open.remove(taker).answer_undone(stands_at, Err(error));
        open
    }

    /// Which of these commands are known, and whether the stream stands where it was decided on.
    async fn confirm(&self, ids: &[Uuid]) -> Result<(Known, bool), log::Error> {
        let log = &*self.shared.log;
        if !log.is_shared() {
            return Ok((answer::look_up(log, ids).await?, true));
        }
        let (head, known) = log.confirm(&self.stream(), ids).await?;
        let live = self.live.as_ref();
        let unmoved = live.is_some_and(|live| live.stands_at(head.as_ref()));
        Ok((answer::by_id(known), unmoved))
    }

    /// Answers the known; the others are left.
    pub(super) async fn repeat(&self, open: Open<D>, known: &Known) -> Open<D> {
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

    /// The stream has moved on: folds on what others have written.
    pub(super) async fn catch_up(&mut self, open: Open<D>) -> Open<D> {
        let version = self.live.as_ref().map(|live| live.version);
        let open = self.refresh(open).await;
        // Nothing new where there must be: what is in memory can't be trusted.
        self.live = self.live.take().filter(|live| Some(live.version) > version);
        open
    }

    /// Folds the stream's tail on, if there is any.
    pub(super) async fn refresh(&mut self, open: Open<D>) -> Open<D> {
        self.rewind();
        match self.advance().await {
            Ok(()) => open,
            Err(error) => fail(open, &error),
        }
    }

    /// An append of our own is about to be made.
    pub(super) fn begin_turn(&mut self) {
        let Some(live) = self.live.as_deref_mut() else {
            return;
        };
        let goes_on = live
            .run_until
            .is_some_and(|ended| ended.elapsed() < RIVAL_PAUSE);
        if !goes_on {
            live.run_since = Some(Instant::now());
        }
    }

    /// An append of our own was made and answered: where other processes may write to the stream too, they get a turn.
    pub(super) async fn end_turn(&mut self) {
        let Some(live) = self.live.as_deref_mut() else {
            return;
        };
        let now = Instant::now();
        live.run_until = Some(now);
        let contended = live
            .rival_seen
            .is_some_and(|seen| now - seen < RIVAL_MEMORY);
        let long = self.shared.log.is_shared()
            && live
                .run_since
                .is_some_and(|since| now - since > LONGEST_RUN);
        if contended || long {
            let jitter =
                Duration::from_micros(live.position.0.wrapping_mul(7_919) % RIVAL_JITTER_MICROS);
            sleep(RIVAL_PAUSE + jitter).await;
        }
    }
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
