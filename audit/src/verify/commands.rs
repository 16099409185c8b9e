//! Commands: each that the log knows points at exactly its events.

use std::sync::Arc;

use event_store::{EventLog, RecordedEvent, log};
use uuid::Uuid;

use super::{
    Error, PAGE,
    report::{At, Check, Findings},
};

/// Events of one command, side by side.
#[derive(Debug, Clone, Copy)]
struct Run {
    command: Uuid,
    first: u64,
    last: u64,
    /// Whether time alone can have brought them about.
    due: bool,
}

/// Follows the commands through the log.
#[derive(Debug)]
pub(super) struct Commands {
    log: Arc<dyn EventLog>,
    pruned: u64,
    /// The last run seen: it may go on.
    open: Option<Run>,
    found: u64,
}

impl Commands {
    pub(super) async fn new(log: Arc<dyn EventLog>) -> Result<Self, Error> {
        let pruned = log.pruned_until().await?.0;
        Ok(Self {
            log,
            pruned,
            open: None,
            found: 0,
        })
    }

    /// Checks the commands of the next events, but for the last: it may go on.
    pub(super) async fn apply(
        &mut self,
        events: &[RecordedEvent],
        findings: &mut Findings,
    ) -> Result<(), Error> {
        let mut ended = Vec::new();
        for event in events {
            // What time makes due is recorded without a command, by nobody.
            let due = event.event_type == "HoldExpired" && event.metadata == "{}";
            match &mut self.open {
                Some(run)
                    if run.command == event.command_id && run.last + 1 == event.position.0 =>
                {
                    run.last = event.position.0;
                    run.due &= due;
                }
                open => {
                    let run = Run {
                        command: event.command_id,
                        first: event.position.0,
                        last: event.position.0,
                        due,
                    };
                    ended.extend(open.replace(run));
                }
            }
        }
        self.check(&ended, findings).await
    }

    async fn check(&mut self, runs: &[Run], findings: &mut Findings) -> Result<(), Error> {
        let ids: Vec<_> = runs.iter().map(|run| run.command).collect();
        let known = match self.log.known_commands(&ids).await {
            Ok(known) => known,
            Err(log::Error::Corrupt(detail)) => {
                findings.add(Check::Commands, At::Log, detail);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        for (run, known) in runs.iter().zip(known) {
            findings.checked(Check::Commands, 1);
            match known {
                Some(known) if (known.first.0, known.last.0) == (run.first, run.last) => {
                    self.found += 1;
                }
                Some(known) => {
                    self.found += 1;
                    let Run {
                        command,
                        first,
                        last,
                        ..
                    } = run;
                    let detail = format!(
                        "command {command} points at {} to {}, its events are {first} to {last}",
                        known.first, known.last
                    );
                    findings.add(Check::Commands, At::Position(*first), detail);
                }
                None if run.due || run.first <= self.pruned => {}
                None => {
                    let detail = format!("command {} is not known", run.command);
                    findings.add(Check::Commands, At::Position(run.first), detail);
                }
            }
        }
        Ok(())
    }

    /// Checks the last command, and that there are no others.
    pub(super) async fn finish(mut self, head: u64, findings: &mut Findings) -> Result<(), Error> {
        let last: Vec<_> = self.open.take().into_iter().collect();
        self.check(&last, findings).await?;
        let (mut after, mut stored) = (None, 0);
        loop {
            let page = self.log.list_commands(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.command_id);
            stored += page
                .iter()
                .filter(|command| command.first.0 <= head)
                .count() as u64;
        }
        // Pruning beside us takes commands away that were counted before.
        if stored > self.found {
            self.name_strangers(head, findings).await?;
        }
        Ok(())
    }

    /// Names the commands whose events are not theirs; slow, and needed only when there are some.
    async fn name_strangers(&self, head: u64, findings: &mut Findings) -> Result<(), Error> {
        let mut after = None;
        loop {
            let page = self.log.list_commands(after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.command_id);
            for command in page.iter().filter(|command| command.first.0 <= head) {
                let before = event_store::Position(command.first.0.saturating_sub(1));
                let events = match self.log.read_all(before, 1).await {
                    // An event that can't be read is a finding already.
                    Err(log::Error::Corrupt(_)) => continue,
                    read => read?,
                };
                if events
                    .first()
                    .is_none_or(|event| event.command_id != command.command_id)
                {
                    let detail = format!(
                        "points at position {}, which is not its event",
                        command.first
                    );
                    findings.add(
                        Check::Commands,
                        At::Key(format!("commands/{}", command.command_id)),
                        detail,
                    );
                }
            }
        }
    }
}
