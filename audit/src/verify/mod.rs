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
mod facts;
mod payments;
mod points;
mod read_model;
mod report;
mod shows;
mod streams;
mod tables;
#[cfg(test)]
mod tests;
mod waiting_rooms;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    pin::Pin,
    sync::Arc,
};

use ::read_model::ReadModel;
use chrono::{DateTime, Utc};
use event_store::{EventLog, Position, RecordedEvent, bus, log};
use projections::PartitionOf;
use uuid::Uuid;

pub use self::report::{At, Check, CheckReport, Finding, MAX_FINDINGS, OpenSaga, Report};
use self::{
    commands::Commands, facts::Fact, payments::Payments, points::Accounts, report::Findings,
    shows::Shows, streams::Streams, waiting_rooms::Rooms,
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
    /// Compares the bus with the log; without it, it is not compared.
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
    /// What is not as the log has it: where, and what.
    pub faults: Vec<(u64, String)>,
}

/// How it is checked.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The present: what ages are counted from.
    pub now: DateTime<Utc>,
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
}

/// The books that are kept while the events go by.
#[derive(Debug, Default)]
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
}

impl Books {
    fn apply(&mut self, event: &RecordedEvent, findings: &mut Findings) {
        self.streams.apply(event, findings);
        findings.checked(Check::Events, 1);
        let read = match facts::read(event) {
            Ok(read) => read,
            Err(detail) => {
                findings.add(Check::Events, event.position, detail);
                return;
            }
        };
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
    let head = deps.log.head().await?.position;
    let mut findings = Findings::default();
    let books = read_log(&deps.log, head, &mut findings, &progress).await?;
    books.accounts.check_total(&mut findings);
    books
        .payments
        .check_end(&books.accounts, &books.shows, &mut findings);
    progress(Progress {
        phase: Phase::Tables,
        done: head.0,
        total: head.0,
    });
    tables::check(&*deps.log, head, &books, &mut findings).await?;
    let open_sagas = books.payments.open(&books.shows, options.now);
    let streams = books.streams.len();
    drop(books);
    let mut compared = None;
    if let Some(model) = &mut model {
        let until = model.until();
        compared = Some(until);
        if until > head.0 {
            findings.add(
                Check::ReadModel,
                At::Position(until),
                format!("its checkpoint is behind the log's head, {head}"),
            );
        }
        let until = until.min(head.0);
        let log = &*deps.log;
        read_model::check(log, model, until, streams, &mut findings, &progress).await?;
    }
    if let Some(check) = &deps.bus {
        let report = check(head).await?;
        findings.checked(Check::Bus, report.events);
        for (position, detail) in report.faults {
            findings.add(Check::Bus, At::Position(position), detail);
        }
    }
    Ok(findings.into_report(head.0, compared, open_sagas))
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

/// Reads the events up to `head` into the books.
async fn read_log(
    log: &Arc<dyn EventLog>,
    head: Position,
    findings: &mut Findings,
    progress: &(impl Fn(Progress) + Send + Sync),
) -> Result<Books, Error> {
    let mut books = Books::default();
    let mut commands = Commands::new(log.clone()).await?;
    let mut page = next_page(&**log, Position(0), head).await?;
    while !page.events.is_empty() || page.unreadable.is_some() {
        // The next page is read while this one is entered.
        let enter = async { enter(&page, &mut books, &mut commands, findings) };
        let (following, ()) = tokio::join!(next_page(&**log, page.end(), head), enter);
        progress(Progress {
            phase: Phase::Log,
            done: books.streams.position(),
            total: head.0,
        });
        page = following?;
    }
    let finished = commands.finish(head.0, findings).await;
    noted(finished, Check::Commands, findings)?;
    if books.streams.position() != head.0 {
        let detail = format!(
            "the log's head says {head}, its last event stands at {}",
            books.streams.position()
        );
        findings.add(Check::Positions, At::Log, detail);
    }
    Ok(books)
}

fn enter(page: &Page, books: &mut Books, commands: &mut Commands, findings: &mut Findings) {
    commands.apply(&page.events, findings);
    for event in &page.events {
        books.apply(event, findings);
    }
    if let Some((position, detail)) = &page.unreadable {
        findings.add(Check::Events, At::Position(*position), detail);
        books.streams.skip(*position);
    }
}

/// Some events, and perhaps one behind them that the log itself can't read.
#[derive(Debug, Default)]
struct Page {
    events: Vec<RecordedEvent>,
    unreadable: Option<(u64, String)>,
}

impl Page {
    fn end(&self) -> Position {
        let last = self.events.last().map(|event| event.position.0);
        let unreadable = self.unreadable.as_ref().map(|(position, _)| *position);
        Position(unreadable.or(last).unwrap_or_default())
    }
}

/// The events behind `after`, up to `head`. Where a page can't be read, smaller ones are tried until the event is found that spoils it.
async fn next_page(log: &dyn EventLog, after: Position, head: Position) -> Result<Page, Error> {
    if after >= head {
        return Ok(Page::default());
    }
    let mut limit = PAGE;
    loop {
        match log.read_all(after, limit).await {
            Ok(mut events) => {
                events.retain(|event| event.position <= head);
                return Ok(Page {
                    events,
                    unreadable: None,
                });
            }
            Err(log::Error::Corrupt(detail)) if limit == 1 => {
                let unreadable = Some((after.0 + 1, detail));
                return Ok(Page {
                    events: Vec::new(),
                    unreadable,
                });
            }
            Err(log::Error::Corrupt(_)) => limit = limit.div_ceil(16).min(limit - 1),
            Err(error) => return Err(error.into()),
        }
    }
}
