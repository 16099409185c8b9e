//! A rehearsal: the commands of a log are decided again, one after another, on a fresh embedded instance, and what comes out is compared.
//!
//! ```text
//!  log ─ events of one command ─▶ the command ─▶ decide, on the state and at the time of then ─▶ the same events?   ─▶ report
//!                     └───────────────────────────────────────────────────────────────────────▶ log of the rehearsal ─▶ its rows
//! ```
//!
//! A command that comes out otherwise is reported, and history's events are taken all the same: so each later command is judged on what
//! really was, not on what follows from the first difference. The rehearsal's log is therefore history's, stored anew with its claims,
//! timers and commands; a server can be started on it.

mod asked;
mod cast;
mod report;
mod script;
mod stage;

use std::{collections::HashMap, fs, num::NonZeroU32, path::Path, sync::Arc};

use anyhow::{Context, ensure};
use command_api::identity::EMAIL_CLAIM;
use event_store::{
    Clock, EventLog, Position, RecordedEvent, SqliteEventLog, StreamId, SystemClock,
    claims::ClaimChange,
    commands::{CommandRecord, Fingerprint},
    executor::due_id,
    log::sqlite::Options,
};
use projections::rebuild::{Pace, rows_as_of};
use read_model::{Access, ProjectionId};
use uuid::Uuid;

pub(crate) use self::asked::outcome;
pub use self::report::{Decided, Difference, MAX_DIFFERENCES, Report, Tally};
use self::{cast::Cast, script::Script, stage::Standing};
use crate::data_folder::DataFolder;

/// Events read at a time.
const PAGE: usize = 2_000;
/// Claims on e-mail addresses that are kept in memory: a hundred bytes each.
const MAX_EMAILS: usize = 1_000_000;
/// Of a command whose own fingerprint is forgotten: whoever repeats it is told that its key was used.
const FORGOTTEN: [u8; 32] = [0; 32];

/// What is re-enacted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scope {
    /// What one show's events are of: the show, its payments, its waiting room.
    pub show: Option<Uuid>,
    /// Up to this position.
    pub to: Option<u64>,
    /// Events read a second, at most.
    pub throttle: Option<NonZeroU32>,
}

impl Scope {
    fn holds(&self, event: &RecordedEvent) -> bool {
        self.show
            .is_none_or(|show| event.routing_key == show.to_string())
    }
}

/// Re-enacts `log` in the folder `into`, which must not be there yet, or be empty.
///
/// # Errors
/// A folder that has something in it; an event that this program does not understand; a log with a hole; what can't be stored.
pub async fn rehearse(
    log: &Arc<dyn EventLog>,
    into: &Path,
    scope: Scope,
    progress: impl Fn(&'static str, u64, u64) + Send + Sync,
) -> anyhow::Result<Report> {
    check_empty(into)?;
    let _folder = DataFolder::lock(into)?;
    let path = into.join("log.db");
    let fresh = SqliteEventLog::open(&path, Options::default()).await;
    let fresh: Arc<dyn EventLog> =
        Arc::new(fresh.with_context(|| format!("{} can't be made", path.display()))?);
    let played = async {
        let mut rehearsal = Rehearsal::new(log.clone(), fresh.clone(), scope).await?;
        rehearsal.play(&progress).await?;
        project(&fresh, into, &progress).await?;
        let mut report = rehearsal.report;
        report.position = fresh.head().await?.position.0;
        Ok(report)
    };
    let played = played.await;
    fresh.close().await;
    played
}

fn check_empty(folder: &Path) -> anyhow::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    let mut entries = fs::read_dir(folder)
        .with_context(|| format!("--into: {} can't be read", folder.display()))?;
    ensure!(
        entries.next().is_none(),
        "--into: there is something in {} already; a rehearsal needs a folder of its own",
        folder.display()
    );
    Ok(())
}

/// Makes the rows of the rehearsal's log, so that a server on it answers at once.
async fn project(
    log: &Arc<dyn EventLog>,
    into: &Path,
    progress: &(impl Fn(&'static str, u64, u64) + Send + Sync),
) -> anyhow::Result<()> {
    let url = format!("sqlite:{}", into.join("read-model.db").display());
    let model = read_model::open(&url, Access::ReadWrite).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let head = log.head().await?.position.0;
    for projection in ProjectionId::ALL {
        let made = rows_as_of(log, &model, projection, head, &clock, |done| {
            progress("events projected", done.done, done.total);
        });
        made.await
            .with_context(|| format!("{} can't be projected", projection.name()))?;
    }
    Ok(())
}

struct Rehearsal {
    log: Arc<dyn EventLog>,
    fresh: Arc<dyn EventLog>,
    scope: Scope,
    end: u64,
    cast: Cast,
    script: Script,
    /// Who claims which e-mail address, by customer.
    emails: HashMap<Arc<str>, String>,
    report: Report,
}

impl Rehearsal {
    async fn new(
        log: Arc<dyn EventLog>,
        fresh: Arc<dyn EventLog>,
        scope: Scope,
    ) -> anyhow::Result<Self> {
        let head = log.head().await?.position.0;
        let mut rehearsal = Self {
            end: scope.to.unwrap_or(head).min(head),
            scope,
            cast: Cast::default(),
            script: Script::new(fresh.clone()),
            log,
            fresh,
            emails: HashMap::new(),
            report: Report::default(),
        };
        if scope.show.is_none() {
            rehearsal.read_emails().await?;
        }
        Ok(rehearsal)
    }

    /// No event has the digest of an e-mail address: the claims are taken over as they are.
    async fn read_emails(&mut self) -> anyhow::Result<()> {
        let mut after = (EMAIL_CLAIM.to_owned(), String::new());
        loop {
            let page = self
                .log
                .list_claims(Some((after.0.as_str(), after.1.as_str())), PAGE)
                .await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = (last.namespace.clone(), last.key.clone());
            for claim in page {
                if claim.namespace != EMAIL_CLAIM {
                    return Ok(());
                }
                if self.emails.len() >= MAX_EMAILS {
                    self.report.emails_left_out = true;
                    return Ok(());
                }
                self.emails.insert(claim.stream.aggregate_id, claim.key);
            }
        }
    }

    async fn play(
        &mut self,
        progress: &(impl Fn(&'static str, u64, u64) + Send + Sync),
    ) -> anyhow::Result<()> {
        let mut after = Position(0);
        let mut throttle = Pace::new(self.scope.throttle);
        let limit = throttle.page(PAGE);
        // The events of the command that is not read to its end.
        let mut open: Vec<RecordedEvent> = Vec::new();
        while after.0 < self.end {
            let page = self.log.read_all(after, limit).await?;
            let Some(last) = page.last() else { break };
            let (length, mut commands) = (page.len(), Vec::new());
            after = last.position;
            for event in page {
                let inside = event.position.0 <= self.end && self.scope.holds(&event);
                if !inside {
                    continue;
                }
                let goes_on = open.last().is_some_and(|last| is_of_one(last, &event));
                if !goes_on && !open.is_empty() {
                    commands.push(std::mem::take(&mut open));
                }
                open.push(event);
            }
            self.commands(commands).await?;
            progress("events re-enacted", after.0.min(self.end), self.end);
            throttle.after(length).await;
        }
        self.commands(vec![open]).await?;
        self.script.flush().await
    }

    /// Plays commands, in order.
    async fn commands(&mut self, commands: Vec<Vec<RecordedEvent>>) -> anyhow::Result<()> {
        let ids = commands.iter().filter_map(|events| events.first());
        let ids: Vec<_> = ids.map(|event| event.command_id).collect();
        let known = if ids.is_empty() {
            Vec::new()
        } else {
            self.log.known_commands(&ids).await?
        };
        let events = commands.into_iter().filter(|events| !events.is_empty());
        for (events, known) in events.zip(known) {
            let fingerprint =
                known.map_or(Fingerprint(FORGOTTEN.to_vec()), |known| known.fingerprint);
            self.command(&events, fingerprint).await?;
        }
        Ok(())
    }

    async fn command(
        &mut self,
        events: &[RecordedEvent],
        fingerprint: Fingerprint,
    ) -> anyhow::Result<()> {
        let Some(first) = events.first() else {
            return Ok(());
        };
        let (stream, sequence) = (&first.stream, first.sequence);
        let due = due_id(stream, sequence - 1) == first.command_id;
        if !self.cast.has(stream, sequence) {
            // What is folded from the rehearsal's log must be in it.
            self.script.flush().await?;
        }
        let played = self.cast.enter(&*self.fresh, stream, sequence).await?;
        let (verdict, mut standing) = played.play(events, due)?;
        self.claim_email(stream, sequence, &mut standing);
        let place = (first.position.0, stream.to_string(), first.command_id);
        let recorded = events.iter().map(|event| event.event_type.clone());
        self.report.events += events.len() as u64;
        self.report.add(place, recorded.collect(), verdict);
        let command = (!due).then_some(CommandRecord {
            command_id: first.command_id,
            fingerprint,
            first_event: 0,
            events: events.len(),
        });
        self.script.add(events, command, standing).await
    }

    /// Whoever registers claims the address, unless it was given back since.
    fn claim_email(&mut self, stream: &StreamId, sequence: u64, standing: &mut Standing) {
        let is_customer =
            &*stream.aggregate_type == <domain::customer::Customer as domain::Aggregate>::TYPE;
        if is_customer
            && sequence == 1
            && let Some(key) = self.emails.remove(&stream.aggregate_id)
        {
            standing.claims.push(ClaimChange::Set {
                namespace: EMAIL_CLAIM.to_owned(),
                key,
                stream: stream.clone(),
            });
        }
    }
}

/// Whether two events that follow each other are of one command.
fn is_of_one(before: &RecordedEvent, event: &RecordedEvent) -> bool {
    before.command_id == event.command_id && before.stream == event.stream
}
