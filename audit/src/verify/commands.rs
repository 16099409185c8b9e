//! Commands: each that the log knows points at exactly its events.

use std::{
    hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState},
    sync::Arc,
};

use event_store::{EventLog, Position, RecordedEvent, log};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Error, PAGE,
    reading::next_page,
    report::{At, Check, Findings},
    tables::while_it_comes,
};

/// Events of one command, side by side.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Run {
    command: Uuid,
    first: u64,
    last: u64,
    /// Whether time alone can have brought them about.
    due: bool,
}

/// Commands and where their events stand, in any order: equal sums are, but for a chance of one in 2^128, of equal commands. So the
/// many that are right need no look-up each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sum {
    count: u64,
    halves: [u64; 2],
}

impl Sum {
    fn add(&mut self, keys: &[u64; 2], command: Uuid, first: u64, last: u64) {
        self.count += 1;
        for (half, key) in self.halves.iter_mut().zip(keys) {
            let mut hasher = DefaultHasher::new();
            (key, command, first, last).hash(&mut hasher);
            *half = half.wrapping_add(hasher.finish());
        }
    }
}

/// What was seen of the commands so far.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Seen {
    /// Commands of events up to here may have been forgotten.
    pruned: u64,
    /// The last run seen: it may go on.
    open: Option<Run>,
    /// Drawn anew for each check, so that nobody can make two wrongs add up.
    keys: [u64; 2],
    sum: Sum,
}

/// Follows the commands through the log.
#[derive(Debug)]
pub(super) struct Commands {
    log: Arc<dyn EventLog>,
    seen: Seen,
}

impl Commands {
    pub(super) async fn new(log: Arc<dyn EventLog>) -> Result<Self, Error> {
        let pruned = log.pruned_until().await?.0;
        // Two numbers that nobody knows beforehand.
        let keys = [0, 1].map(|half| RandomState::new().hash_one(half));
        let seen = Seen {
            pruned,
            open: None,
            keys,
            sum: Sum::default(),
        };
        Ok(Self { log, seen })
    }

    /// Goes on from what was seen before. Commands that were forgotten since are in the old sum: then everything is looked up.
    pub(super) fn resume(log: Arc<dyn EventLog>, seen: Seen) -> Self {
        Self { log, seen }
    }

    /// What was seen so far.
    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Takes account of the next events.
    pub(super) fn apply(&mut self, events: &[RecordedEvent], findings: &mut Findings) {
        for event in events {
            if let Some(run) = next_run(&mut self.seen.open, event) {
                self.end_run(run, findings);
            }
        }
    }

    fn end_run(&mut self, run: Run, findings: &mut Findings) {
        findings.checked(Check::Commands, 1);
        let Seen {
            pruned, keys, sum, ..
        } = &mut self.seen;
        if !run.due && run.first > *pruned {
            sum.add(keys, run.command, run.first, run.last);
        }
    }

    /// Compares what was seen with what the log knows, and looks closer where they differ.
    pub(super) async fn finish(&mut self, head: u64, findings: &mut Findings) -> Result<(), Error> {
        let cut = self.cut(head).await?;
        if let Some(run) = self.seen.open.take()
            && cut != Some(run.command)
        {
            self.end_run(run, findings);
        }
        let mut listed = Sum::default();
        let Seen { pruned, keys, .. } = &self.seen;
        let mut page = self.log.list_commands(None, PAGE).await?;
        while let Some(last) = page.last() {
            let following = self.log.list_commands(Some(last.command_id), PAGE);
            page = while_it_comes(following, || {
                for command in &page {
                    let (first, last) = (command.first.0, command.last.0);
                    if first > *pruned && last <= head && cut != Some(command.command_id) {
                        listed.add(keys, command.command_id, first, last);
                    }
                }
            })
            .await?;
        }
        if listed == self.seen.sum {
            return Ok(());
        }
        // The log may have been pruned beside us: then this finds nothing.
        self.seen.pruned = self.log.pruned_until().await?.0;
        self.look_up(head, cut, findings).await?;
        self.name_strangers(head, findings).await
    }

    /// The command of which the check sees a part alone, because it ends in the middle of it.
    async fn cut(&self, head: u64) -> Result<Option<Uuid>, Error> {
        let behind = match self.log.read_all(Position(head), 1).await {
            Err(log::Error::Corrupt(_)) => Vec::new(),
            read => read?,
        };
        let next = behind.first().map(|event| event.command_id);
        let last = self.seen.open.map(|run| run.command);
        Ok(next.filter(|next| Some(*next) == last))
    }

    /// Goes through the log again and looks each command up.
    async fn look_up(
        &self,
        head: u64,
        cut: Option<Uuid>,
        findings: &mut Findings,
    ) -> Result<(), Error> {
        let mut open = None;
        let mut after = Position(0);
        while after.0 < head {
            let page = next_page(&*self.log, after, Position(head)).await?;
            let runs: Vec<_> = page
                .events
                .iter()
                .filter_map(|event| next_run(&mut open, event))
                .collect();
            self.check(&runs, findings).await?;
            after = page.end();
            if after == Position(0) {
                break;
            }
        }
        let last: Vec<_> = open
            .into_iter()
            .filter(|run: &Run| cut != Some(run.command))
            .collect();
        self.check(&last, findings).await
    }

    async fn check(&self, runs: &[Run], findings: &mut Findings) -> Result<(), Error> {
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
            match known {
                Some(known) if (known.first.0, known.last.0) == (run.first, run.last) => {}
                Some(known) => {
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
                None if run.due || run.first <= self.seen.pruned => {}
                None => {
                    let detail = format!("command {} is not known", run.command);
                    findings.add(Check::Commands, At::Position(run.first), detail);
                }
            }
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
                let before = Position(command.first.0.saturating_sub(1));
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

/// Adds an event to the run that it goes on, or begins another; answers the run that has ended.
fn next_run(open: &mut Option<Run>, event: &RecordedEvent) -> Option<Run> {
    // What time makes due is recorded without a command, by nobody.
    let due = ["HoldExpired", "DropClosed"].contains(&event.event_type.as_str())
        && event.metadata == "{}";
    let position = event.position.0;
    match open {
        Some(run) if run.command == event.command_id && run.last + 1 == position => {
            run.last = position;
            run.due &= due;
            None
        }
        open => open.replace(Run {
            command: event.command_id,
            first: position,
            last: position,
            due,
        }),
    }
}
