//! What the checks found.

use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, Utc};
use event_store::{Position, StreamId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Findings of one check that are kept: beyond, they are counted. Whoever sees so many does not read on.
pub const MAX_FINDINGS: usize = 100;

/// One thing that is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Positions are dense, from 1 to the head; epochs never go back.
    Positions,
    /// Sequences are dense in each stream, its times never go back, and its head says where it ends.
    Sequences,
    /// Every event can be read.
    Events,
    /// No seat is in two live reservations, at any position.
    Seats,
    /// No more standing places are taken than there are, at any position.
    Standing,
    /// Nobody has more places than the show allows; nothing is held outside the sale or longer than the show allows.
    Limits,
    /// Reservations cost what their places cost.
    Prices,
    /// Points are conserved to the unit, in each account and in total.
    Points,
    /// Payments, debits and reservations match.
    Payments,
    /// Numbers of waiting rooms have no hole, each entry is let in once at most, and nobody holds without a pass where there is a room.
    Admissions,
    /// Each entry of a drop is drawn once, as its secret says; the stock is never below zero; winners are debited, others are not.
    Drops,
    /// Claims are as the events say.
    Claims,
    /// Timers are as the events say.
    Timers,
    /// Commands point at their events.
    Commands,
    /// The read model equals a fresh fold of the log up to its own checkpoint.
    ReadModel,
    /// The bus holds the log, once what comes again is dropped.
    Bus,
    /// Every sealed event is the one that was sealed.
    Seals,
}

impl Check {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Self; 17] = [
        Self::Positions,
        Self::Sequences,
        Self::Events,
        Self::Seats,
        Self::Standing,
        Self::Limits,
        Self::Prices,
        Self::Points,
        Self::Payments,
        Self::Admissions,
        Self::Drops,
        Self::Claims,
        Self::Timers,
        Self::Commands,
        Self::ReadModel,
        Self::Bus,
        Self::Seals,
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Positions => "positions",
            Self::Sequences => "sequences",
            Self::Events => "events",
            Self::Seats => "seats",
            Self::Standing => "standing",
            Self::Limits => "limits",
            Self::Prices => "prices",
            Self::Points => "points",
            Self::Payments => "payments",
            Self::Admissions => "admissions",
            Self::Drops => "drops",
            Self::Claims => "claims",
            Self::Timers => "timers",
            Self::Commands => "commands",
            Self::ReadModel => "read_model",
            Self::Bus => "bus",
            Self::Seals => "seals",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where something was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum At {
    /// A place in the log.
    Position(u64),
    /// A stream, as `type/id`.
    Stream(String),
    /// A key of a table, as `table/key`.
    Key(String),
    /// The whole log.
    Log,
}

impl From<Position> for At {
    fn from(position: Position) -> Self {
        Self::Position(position.0)
    }
}

impl From<&StreamId> for At {
    fn from(stream: &StreamId) -> Self {
        Self::Stream(stream.to_string())
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Position(position) => write!(f, "position {position}"),
            Self::Stream(name) | Self::Key(name) => f.write_str(name),
            Self::Log => f.write_str("the log"),
        }
    }
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which check found it.
    pub check: Check,
    /// Where.
    pub at: At,
    /// What, in a sentence.
    pub detail: String,
}

/// How one check went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Which.
    pub check: Check,
    /// How many things it looked at.
    pub checked: u64,
    /// How many findings it has, those beyond [`MAX_FINDINGS`] counted in.
    pub findings: u64,
}

/// A payment that has not come to an end: no fault, unless it stays so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenSaga {
    /// Which.
    pub payment_id: Uuid,
    /// `running`, `refunding`, or `refund_due` where its show was cancelled and the refund is not asked for yet.
    pub state: &'static str,
    /// Since when.
    pub since: DateTime<Utc>,
    /// For how long, in milliseconds.
    pub age_ms: i64,
}

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Up to which position the log was checked.
    pub head: u64,
    /// Behind which position: what is before it was checked by an earlier run, and was not read again.
    pub resumed_from: Option<u64>,
    /// Up to which position the read model was compared: the farthest of its projections; `None` without a read model.
    pub read_model: Option<u64>,
    /// Up to which position the bus was compared; `None` where it was not.
    pub bus: Option<u64>,
    /// Each check, also those that found nothing.
    pub checks: Vec<CheckReport>,
    /// What was found, at most [`MAX_FINDINGS`] of each check.
    pub findings: Vec<Finding>,
    /// Payments under way, the oldest first.
    pub open_sagas: Vec<OpenSaga>,
}

impl Report {
    /// Whether everything is as it should be.
    pub fn is_clean(&self) -> bool {
        self.checks.iter().all(|check| check.findings == 0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "log checked up to position {}", self.head)?;
        match self.resumed_from {
            Some(before) => writeln!(f, ", behind position {before}")?,
            None => writeln!(f)?,
        }
        for CheckReport {
            check,
            checked,
            findings,
        } in &self.checks
        {
            let verdict = if *findings == 0 {
                "ok".to_owned()
            } else {
                format!("{findings} FOUND")
            };
            writeln!(f, "  {check:<12} {checked:>12} checked  {verdict}")?;
        }
        for Finding { check, at, detail } in &self.findings {
            writeln!(f, "{check}: {at}: {detail}")?;
        }
        for saga in &self.open_sagas {
            writeln!(
                f,
                "payment {} is {} for {} ms",
                saga.payment_id, saga.state, saga.age_ms
            )?;
        }
        f.write_str(if self.is_clean() {
            "clean"
        } else {
            "NOT CLEAN"
        })
    }
}

/// What each check looked at and found; kept by number, because some are counted for every event.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(
    from = "BTreeMap<Check, (u64, u64)>",
    into = "BTreeMap<Check, (u64, u64)>"
)]
struct Counts([(u64, u64); Check::ALL.len()]);

impl Counts {
    fn of(&mut self, check: Check) -> &mut (u64, u64) {
        &mut self.0[check as usize]
    }
}

impl From<BTreeMap<Check, (u64, u64)>> for Counts {
    fn from(stored: BTreeMap<Check, (u64, u64)>) -> Self {
        let mut counts = Self::default();
        for (check, count) in stored {
            *counts.of(check) = count;
        }
        counts
    }
}

impl From<Counts> for BTreeMap<Check, (u64, u64)> {
    fn from(counts: Counts) -> Self {
        Check::ALL.into_iter().zip(counts.0).collect()
    }
}

/// Collects findings, within bounds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Findings {
    kept: Vec<Finding>,
    counts: Counts,
    /// What is found at an earlier position is of no interest.
    #[serde(skip)]
    from: u64,
}

impl Findings {
    /// Counts things that a check looked at.
    pub(super) fn checked(&mut self, check: Check, count: u64) {
        self.counts.of(check).0 += count;
    }

    /// Tells what is found from a position on alone.
    pub(super) fn set_from(&mut self, from: u64) {
        self.from = from;
    }

    /// Counts findings that nobody can tell.
    pub(super) fn count(&mut self, check: Check, findings: u64) {
        self.counts.of(check).1 += findings;
    }

    /// Adds a finding.
    pub(super) fn add(&mut self, check: Check, at: impl Into<At>, detail: impl Into<String>) {
        let at = at.into();
        if matches!(at, At::Position(position) if position < self.from) {
            return;
        }
        let (_, found) = self.counts.of(check);
        *found += 1;
        if *found <= MAX_FINDINGS as u64 {
            let detail = detail.into();
            self.kept.push(Finding { check, at, detail });
        }
    }

    /// The report.
    pub(super) fn into_report(
        self,
        (resumed_from, head): (Option<u64>, u64),
        (read_model, bus): (Option<u64>, Option<u64>),
        open_sagas: Vec<OpenSaga>,
    ) -> Report {
        let counts = Check::ALL.into_iter().zip(self.counts.0);
        let checks = counts.map(|(check, (checked, findings))| CheckReport {
            check,
            checked,
            findings,
        });
        Report {
            head,
            resumed_from,
            read_model,
            bus,
            checks: checks.collect(),
            findings: self.kept,
            open_sagas,
        }
    }
}
