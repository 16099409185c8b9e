//! Appends whose outcome was lost: they may have been stored, and may be stored yet.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{
    Decider, Error, answer,
    batch::{Round, Verdict},
    mailbox::Open,
    record::ids,
    worker::Worker,
};

/// Pause before the log is asked again what became of an append; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// The longest of these pauses: a log that changes over to its standby is away for seconds.
const LONGEST_PAUSE: Duration = Duration::from_millis(320);

impl<D: Decider> Worker<D> {
    /// Asks the log's record of commands until it answers, or the deadlines pass. While it can't be asked, the aggregate is not
    /// decided on. What is not known by then is to be decided again.
    pub(super) async fn resolve(
        &mut self,
        mut open: Open<D>,
        round: &Round<D>,
        why: &str,
    ) -> Open<D> {
        metrics::counter!(crate::metrics::UNKNOWN_OUTCOMES).increment(1);
        self.mark(&mut open, round);
        // What was stored is in the stream's tail, whoever is answered from it.
        self.live = None;
        let mut pause = FIRST_PAUSE;
        while let Some(first) = open.iter().map(|pending| pending.deadline).min() {
            if let Ok(known) = answer::look_up(&*self.shared.log, &ids(&open)).await {
                return self.repeat(open, &known).await;
            }
            sleep_until(first.min(Instant::now() + pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            let now = Instant::now();
            let (late, due): (Open<D>, Open<D>) = open
                .into_iter()
                .partition(|pending| pending.deadline <= now);
            for pending in late {
                pending.answer(Err(Error::Unavailable(why.to_owned())));
            }
            open = due;
        }
        open
    }

    /// Notes for each command that was in the append at which version it may be stored yet.
    fn mark(&self, open: &mut Open<D>, round: &Round<D>) {
        let Some(live) = &self.live else { return };
        for (pending, verdict) in open.iter_mut().zip(&round.verdicts) {
            let sent = match verdict {
                Verdict::Again(first) => matches!(round.verdicts[*first], Verdict::Events(_)),
                Verdict::Events(_) => true,
                Verdict::Nothing { .. } | Verdict::Refused { .. } => false,
            };
            if sent {
                pending.unresolved = pending.unresolved.max(Some(live.version));
            }
        }
    }
}
