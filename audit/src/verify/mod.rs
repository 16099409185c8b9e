//! Checks a log, and a read model, from their beginning.
//!
//! ```text
//!  log ── pages ──▶ books: streams, shows, accounts, payments, commands ──▶ findings
//!   │               each kept by simple code of its own, over the events' JSON
//!   ├── heads, timers, claims, commands ── compared with the books
//!   └── fresh fold ── compared row by row ── read model, at its own checkpoint
//! ```
//!
//! The check works at a head that is fixed when it begins, reads pages, and holds the state of shows, accounts and payments, never the
//! events. It can be run beside a server.

mod commands;
mod drops;
mod facts;
mod payments;
mod points;
mod read_model;
mod reading;
mod report;
mod resume;
mod seals;
mod shows;
mod streams;
mod tables;
#[cfg(test)]
pub(crate) mod tests;
mod waiting_rooms;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
};

use ::read_model::ReadModel;
use chrono::{DateTime, Utc};
use event_store::{EventLog, Position, RecordedEvent, bus, log};
use projections::PartitionOf;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub(crate) use self::facts::KINDS;
use self::{
    drops::Drops, facts::Fact, payments::Payments, points::Accounts, reading::Reading,
    report::Findings, shows::Shows, streams::Streams, waiting_rooms::Rooms,
};
pub use self::{
    report::{At, Check, CheckReport, Finding, MAX_FINDINGS, OpenSaga, Report},
    seals::SealCheck,
};

/// Events, or rows of a table, read at a time: a few megabytes.
const PAGE: usize = 4_096;

/// What is checked.
#[derive(Clone)]
pub struct Deps {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// The read model; without it, the log alone is checked.
    pub read_model: Option<Arc<dyn ReadModel>>,
    /// Which partition of the bus a routing key is in: a row shows the log up to where its partition stands. `None`: there is one.
    pub partition_of: Option<PartitionOf>,
    /// Compares the bus with the log, up to where the projections have followed it; without it, it is not compared.
    pub bus: Option<BusCheck>,
}

impl fmt::Debug for Deps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deps")
            .field("log", &self.log)
            .field("read_model", &self.read_model)
            .field("bus", &self.bus.is_some())
            .finish_non_exhaustive()
    }
}

/// Reads the bus from its beginning and compares it with the log up to a position.
pub type BusCheck = Arc<
    dyn Fn(Position) -> Pin<Box<dyn Future<Output = Result<BusReport, bus::Error>> + Send>>
        + Send
        + Sync,
>;

/// What a comparison of the bus with the log found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BusReport {
    /// Events compared.
    pub events: u64,
    /// How many events differ, are missing, or are on the bus alone.
    pub differing: u64,
    /// The first of these, a sentence each.
    pub differences: Vec<String>,
}

/// How it is checked.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The present: what ages are counted from.
    pub now: DateTime<Utc>,
    /// Tells what is wrong from this position on alone. What is before it is read all the same: it decides what may follow.
    pub from: Option<u64>,
    /// Checks the log up to this position. What is kept beside the events, the read model and the bus are of the present, and are left
    /// out.
    pub to: Option<u64>,
    /// Keeps in this file how far the check has come, and goes on from there.
    pub resume: Option<PathBuf>,
    /// Compares the log with its seals, too: all of it, once more.
    pub seals: Option<SealCheck>,
}

impl Options {
    /// Everything is checked, at `now`.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self {
            now,
            ..Self::default()
        }
    }
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The events are read.
    Log,
    /// The tables beside the events are compared.
    Tables,
    /// The read model is compared.
    ReadModel,
    /// The log is compared with its seals.
    Seals,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// In what.
    pub phase: Phase,
    /// Events done.
    pub done: u64,
    /// Events to do.
    pub total: u64,
}

/// Why the check could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log can't be read.
    #[error("the log can't be checked")]
    Log(#[from] log::Error),
    /// The read model can't be read.
    #[error("the read model can't be checked")]
    ReadModel(#[from] ::read_model::Error),
    /// The bus can't be read.
    #[error("the bus can't be checked")]
    Bus(#[from] bus::Error),
    /// The file can't be used that says how far an earlier check came.
    #[error("{0}")]
    Resume(String),
}

/// The books that are kept while the events go by.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Books {
    streams: Streams,
    shows: Shows,
    accounts: Accounts,
    payments: Payments,
    /// Customers that were not erased.
    customers: HashSet<Uuid>,
    /// Customers that were erased, and whose data is yet to be destroyed: when that is taken up again.
    erasures: HashMap<Uuid, DateTime<Utc>>,
    rooms: Rooms,
    drops: Drops,
}

impl Books {
    /// Enters an event. `read`: what it says, and what keeps others from reading it; or what keeps the checks from it.
    fn apply(
        &mut self,
        event: &RecordedEvent,
        read: Result<(facts::Read<'_>, Option<String>), String>,
        findings: &mut Findings,
    ) {
        self.streams.apply(event, findings);
        findings.checked(Check::Events, 1);
        let (read, fault) = match read {
            Ok(read) => read,
            Err(detail) => {
                findings.add(Check::Events, event.position, detail);
                return;
            }
        };
        if let Some(fault) = fault {
            findings.add(Check::Events, event.position, fault);
        }
        match &*event.stream.aggregate_type {
            "show" => {
                self.shows.apply(&read, findings);
                if let Fact::SeatsHeld(held) = &read.fact {
                    self.rooms.apply_hold(&read, held, findings);
                }
                self.payments.apply_show(&read, &self.accounts, findings);
            }
            "point_account" => self.accounts.apply(&read, findings),
            "payment" => self
                .payments
                .apply(&read, &self.shows, &self.accounts, findings),
            "customer" => self.apply_customer(&read),
            "operation" => check_act(&read, findings),
            "waiting_room" => self.rooms.apply(&read, findings),
            "drop" => self.drops.apply(&read, &self.accounts, findings),
            _ => {}
        }
    }
}

impl Books {
    fn apply_customer(&mut self, read: &facts::Read<'_>) {
        match &read.fact {
            Fact::CustomerRegistered(_) => {
                self.customers.insert(read.id);
            }
            Fact::CustomerErased(erased) => {
                self.customers.remove(&read.id);
                self.erasures
                    .extend(erased.resume_at.map(|at| (read.id, at)));
            }
            Fact::PersonalDataDestroyed(_) => {
                self.erasures.remove(&read.id);
            }
            _ => {}
        }
    }
}

/// An act that does not say what, who or why is worth nothing; its stream tells of it once.
fn check_act(read: &facts::Read<'_>, findings: &mut Findings) {
    let Fact::OperatorActed(acted) = &read.fact else {
        return;
    };
    let blank = [&acted.act, &acted.actor, &acted.reason]
        .iter()
        .any(|text| text.0.trim().is_empty());
    if blank || read.event.sequence != 1 {
        let detail = "an operator's act without a name, actor or reason, or told twice";
        findings.add(Check::Events, read.event.position, detail.to_owned());
    }
}

/// Checks everything and answers what was found. `progress` is told from time to time how far it has come.
///
/// # Errors
/// [`Error`] where the check could not be carried out; what is wrong is in the report.
pub async fn verify(
    deps: &Deps,
    options: &Options,
    progress: impl Fn(Progress) + Send + Sync,
) -> Result<Report, Error> {
    // The read model's instant first: its checkpoints then are not beyond the log's head.
    let mut model = match &deps.read_model {
        Some(model) => Some(read_model::Subject::open(model, deps.partition_of.clone()).await?),
        None => None,
    };
    let end = deps.log.head().await?.position;
    let head = Position(options.to.map_or(end.0, |to| to.min(end.0)));
    let is_whole = options.to.is_none();
    if !is_whole {
        model = None;
    }
    let mut reading = Reading::begin(deps, options).await?;
    let resumed_from = reading.resumed_from;
    reading.to(head, &progress).await?;
    let Reading {
        books,
        mut findings,
        ..
    } = reading;
    books.accounts.check_total(&mut findings);
    books
        .payments
        .check_end(&books.accounts, &books.shows, &books.drops, &mut findings);
    books.drops.check_end(&books.accounts, &mut findings);
    if is_whole {
        progress(Progress {
            phase: Phase::Tables,
            done: head.0,
            total: head.0,
        });
        tables::check(&*deps.log, head, &books, &mut findings).await?;
    }
    let open_sagas = books.payments.open(&books.shows, options.now);
    let streams = books.streams.len();
    drop(books);
    let mut compared = None;
    if let Some(model) = &mut model {
        let (log, until) = (&*deps.log, model.until());
        compared = Some(until);
        if until > head.0 {
            let detail = format!("its checkpoint is behind the log's head, {head}");
            findings.add(Check::ReadModel, At::Position(until), detail);
        }
        let until = until.min(head.0);
        read_model::check(log, model, until, streams, &mut findings, &progress).await?;
    }
    let mut bus = None;
    if let Some(check) = deps.bus.as_ref().filter(|_| is_whole) {
        // What the relay is about to send is not missing.
        let sent = model.as_ref().map_or(head.0, read_model::Subject::sent);
        let up_to = head.min(Position(sent));
        check_bus(check, up_to, &mut findings).await?;
        bus = Some(up_to.0);
    }
    if let Some(sealed) = options.seals.as_ref().filter(|_| is_whole) {
        seals::check(&*deps.log, sealed, &mut findings, &progress).await?;
    }
    Ok(findings.into_report((resumed_from, head.0), (compared, bus), open_sagas))
}

async fn check_bus(
    check: &BusCheck,
    up_to: Position,
    findings: &mut Findings,
) -> Result<(), Error> {
    let report = check(up_to).await?;
    findings.checked(Check::Bus, report.events);
    let untold = report.differing - report.differences.len() as u64;
    for detail in report.differences {
        findings.add(Check::Bus, At::Key("bus".to_owned()), detail);
    }
    findings.count(Check::Bus, untold);
    Ok(())
}

/// Turns what a check met as corrupt into a finding; other errors end the verification.
fn noted(result: Result<(), Error>, check: Check, findings: &mut Findings) -> Result<(), Error> {
    match result {
        Err(Error::Log(log::Error::Corrupt(detail))) => {
            findings.add(check, At::Log, detail);
            Ok(())
        }
        other => other,
    }
}
