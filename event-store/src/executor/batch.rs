//! Deciding a batch: pure, from the state and the commands to one append.

use std::{
    any::Any,
    collections::HashMap,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Decider, live::Live, mailbox::Pending};
use crate::{
    claims::ClaimChange,
    commands::{self, CommandRecord},
    log::{Append, NewEvent, StreamAppend, StreamId},
    timers::WakeAt,
};

/// Namespace of the command ids of events that time alone made due: they are drawn from stream and version.
const DUE: Uuid = Uuid::from_u128(0x6d0c_5f0e_9a43_5f6b_8b1d_27c4_e1f0_9a52);

/// How long commands are decided before what was decided is recorded: a batch of slow decisions would hold its processor, and
/// those who wait for the first of them, for seconds.
const BUDGET: Duration = Duration::from_millis(20);

/// What was decided on one command.
pub(super) enum Verdict<X> {
    /// It brought about these of the batch's events.
    Events(Range<usize>),
    /// It changes nothing; `at`: how many of the batch's events stood before it.
    Nothing { at: usize },
    /// It is refused.
    Refused { error: X, at: usize },
    /// It is the command at this index, once more.
    Again(usize),
}

/// A decided batch.
pub(super) struct Round<D: Decider> {
    /// One for each command that was decided, from the first on.
    pub(super) verdicts: Vec<Verdict<D::Error>>,
    /// All events, those of time first.
    pub(super) events: Vec<D::Event>,
    /// What is to be recorded; `None` without events.
    pub(super) append: Option<Append>,
    /// The batch's time.
    pub(super) now: DateTime<Utc>,
}

/// A defect of the aggregate.
pub(super) struct Panicked {
    /// Index of the command; `None` where it is the events of time that can't be found.
    pub(super) command: Option<usize>,
    pub(super) message: String,
}

/// Decides commands one after another, at least one and as many as [`BUDGET`] allows; the working copy of the state runs ahead.
pub(super) fn decide<D: Decider>(
    live: &mut Live<D>,
    open: &[Box<Pending<D>>],
    now: DateTime<Utc>,
) -> Result<Round<D>, Panicked> {
    let begun = Instant::now();
    let mut draft = Draft::new(live.stream.clone(), open.len());
    let due = catch_unwind(AssertUnwindSafe(|| draft.add_due(live, now)));
    due.map_err(|panic| Panicked {
        command: None,
        message: text(&*panic),
    })?;
    let mut verdicts = Vec::with_capacity(open.len());
    let mut seen = HashMap::with_capacity(open.len());
    for (index, pending) in open.iter().enumerate() {
        if index > 0 && begun.elapsed() > BUDGET {
            break;
        }
        if let Some(first) = seen.get(&pending.command_id) {
            verdicts.push(Verdict::Again(*first));
            continue;
        }
        seen.insert(pending.command_id, index);
        let verdict = catch_unwind(AssertUnwindSafe(|| draft.add_command(live, pending, now)));
        verdicts.push(verdict.map_err(|panic| Panicked {
            command: Some(index),
            message: text(&*panic),
        })?);
    }
    Ok(draft.finish(live, verdicts, now))
}

/// The command id of what time alone made due on `stream` at `version`.
pub fn due_id(stream: &StreamId, version: u64) -> Uuid {
    Uuid::new_v5(&DUE, format!("{stream}#{version}").as_bytes())
}

/// An append as it grows.
struct Draft<D: Decider> {
    stream: StreamId,
    events: Vec<D::Event>,
    stored: Vec<NewEvent>,
    commands: Vec<CommandRecord>,
    claims: Vec<ClaimChange>,
}

impl<D: Decider> Draft<D> {
    fn new(stream: StreamId, commands: usize) -> Self {
        Self {
            stream,
            events: Vec::with_capacity(commands),
            stored: Vec::with_capacity(commands),
            commands: Vec::with_capacity(commands),
            claims: Vec::new(),
        }
    }

    fn add_due(&mut self, live: &mut Live<D>, now: DateTime<Utc>) {
        let due = D::due(live.current(), now);
        if due.is_empty() {
            return;
        }
        let command_id = due_id(&self.stream, live.version);
        let metadata: Arc<str> = "{}".into();
        self.add_events(live, command_id, &metadata, due);
    }

    fn add_command(
        &mut self,
        live: &mut Live<D>,
        pending: &Pending<D>,
        now: DateTime<Utc>,
    ) -> Verdict<D::Error> {
        let at = self.events.len();
        let events = match D::decide(live.current(), &pending.command, now) {
            Err(error) => return Verdict::Refused { error, at },
            Ok(events) if events.is_empty() => return Verdict::Nothing { at },
            Ok(events) => events,
        };
        self.commands.push(CommandRecord {
            command_id: pending.command_id,
            fingerprint: pending.fingerprint.clone(),
            first_event: at,
            events: events.len(),
        });
        self.add_events(live, pending.command_id, &pending.metadata, events);
        self.claims.extend(pending.claims.iter().cloned());
        Verdict::Events(at..self.events.len())
    }

    fn add_events(
        &mut self,
        live: &mut Live<D>,
        command_id: Uuid,
        metadata: &Arc<str>,
        events: Vec<D::Event>,
    ) {
        for (ordinal, event) in events.into_iter().enumerate() {
            live.anticipate(&event);
            let encoded = D::encode(&event);
            self.stored.push(NewEvent {
                event_id: commands::event_id(command_id, ordinal),
                command_id,
                event_type: encoded.event_type,
                event_version: encoded.event_version,
                payload: encoded.payload,
                metadata: Arc::clone(metadata),
            });
            self.claims.extend(D::claims(&self.stream, &event));
            self.events.push(event);
        }
    }

    fn finish(
        self,
        live: &Live<D>,
        verdicts: Vec<Verdict<D::Error>>,
        now: DateTime<Utc>,
    ) -> Round<D> {
        let append = (!self.stored.is_empty()).then(|| Append {
            streams: vec![StreamAppend {
                routing_key: D::routing_key(&self.stream.aggregate_id, live.current()),
                stream: self.stream,
                expected_version: live.version,
                events: self.stored,
                wake_at: timer(live.wake_at, D::wake_at(live.current())),
            }],
            commands: self.commands,
            claims: self.claims,
            recorded_at: now,
        });
        Round {
            verdicts,
            events: self.events,
            append,
            now,
        }
    }
}

fn timer(before: Option<DateTime<Utc>>, after: Option<DateTime<Utc>>) -> WakeAt {
    match after {
        _ if before == after => WakeAt::Keep,
        Some(at) => WakeAt::At(at),
        None => WakeAt::Never,
    }
}

/// What a panic says.
pub(super) fn text(panic: &(dyn Any + Send)) -> String {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the aggregate panicked: {}", message.unwrap_or("no text"))
}
