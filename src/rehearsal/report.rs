//! What came of a rehearsal.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use uuid::Uuid;

/// Differences that are told; more are counted.
pub const MAX_DIFFERENCES: usize = 100;

/// How a command came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As it did.
    Same,
    /// With other events, or none.
    Other(Vec<Decided>),
    /// Refused.
    Refused(String),
    /// What was asked for can't be told from the events.
    NotAsked,
}

/// An event that was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decided {
    /// Name of the event.
    pub event_type: String,
    /// What it says; cut where it is long.
    pub payload: String,
}

/// How commands of one kind came out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many there were.
    pub commands: u64,
    /// Decided as they were.
    pub same: u64,
    /// Decided otherwise.
    pub other: u64,
    /// Refused.
    pub refused: u64,
    /// Taken as they are: what was asked for can't be told.
    pub not_asked: u64,
}

impl Tally {
    fn add(&mut self, verdict: &Verdict) {
        self.commands += 1;
        let count = match verdict {
            Verdict::Same => &mut self.same,
            Verdict::Other(_) => &mut self.other,
            Verdict::Refused(_) => &mut self.refused,
            Verdict::NotAsked => &mut self.not_asked,
        };
        *count += 1;
    }
}

/// A command that came out otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where its first event is in the log that was re-enacted.
    pub position: u64,
    /// The stream, `TYPE/ID`.
    pub stream: String,
    /// The command.
    pub command_id: Uuid,
    /// The events that it brought about then.
    pub recorded: Vec<String>,
    /// Those that it brings about now.
    pub decided: Vec<Decided>,
    /// Why it is refused now.
    pub refused: Option<String>,
}

/// What a rehearsal came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Events of the log that was re-enacted.
    pub events: u64,
    /// Where the rehearsal's own log ends.
    pub position: u64,
    /// All commands.
    pub all: Tally,
    /// By the last event that they brought about.
    pub by_event: BTreeMap<String, Tally>,
    /// The first of those that came out otherwise.
    pub differences: Vec<Difference>,
    /// Whether there were more customers with an e-mail address than claims are kept in memory: those beyond can't sign in there.
    pub emails_left_out: bool,
}

impl Report {
    /// Whether every decision came out as it did.
    pub fn is_same(&self) -> bool {
        self.all.other == 0 && self.all.refused == 0
    }

    /// Counts a command. `recorded`: the names of its events.
    pub(super) fn add(
        &mut self,
        (position, stream, command_id): (u64, String, Uuid),
        recorded: Vec<String>,
        verdict: Verdict,
    ) {
        self.all.add(&verdict);
        let kind = recorded.last().cloned().unwrap_or_default();
        self.by_event.entry(kind).or_default().add(&verdict);
        let (decided, refused) = match verdict {
            Verdict::Same | Verdict::NotAsked => return,
            Verdict::Other(decided) => (decided, None),
            Verdict::Refused(why) => (Vec::new(), Some(why)),
        };
        if self.differences.len() < MAX_DIFFERENCES {
            self.differences.push(Difference {
                position,
                stream,
                command_id,
                recorded,
                decided,
                refused,
            });
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally {
            commands,
            same,
            other,
            refused,
            not_asked,
        } = self.all;
        writeln!(
            f,
            "{commands} commands re-enacted from {} events: {same} decided as they were, {other} otherwise, {refused} refused, {not_asked} taken as they are",
            self.events
        )?;
        for (kind, tally) in &self.by_event {
            writeln!(
                f,
                "  {kind:<22} {:>9} commands, {:>9} as they were",
                tally.commands, tally.same
            )?;
        }
        for difference in &self.differences {
            let recorded = difference.recorded.join(", ");
            write!(
                f,
                "position {}, {}: was {recorded}, ",
                difference.position, difference.stream
            )?;
            match &difference.refused {
                Some(why) => writeln!(f, "is refused: {why}")?,
                None if difference.decided.is_empty() => writeln!(f, "changes nothing now")?,
                None => {
                    let decided = difference.decided.iter();
                    let decided: Vec<_> = decided.map(|event| event.payload.as_str()).collect();
                    writeln!(f, "is {}", decided.join(", "))?;
                }
            }
        }
        let untold = (other + refused).saturating_sub(self.differences.len() as u64);
        if untold > 0 {
            writeln!(f, "and {untold} more")?;
        }
        f.write_str(if self.is_same() {
            "every decision came out as it did"
        } else {
            "NOT every decision came out as it did"
        })
    }
}
