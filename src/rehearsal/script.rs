//! The rehearsal's log as it is written: appends as they were, many in one transaction.

use std::{collections::HashSet, sync::Arc};

use anyhow::bail;
use event_store::{
    EventLog, RecordedEvent, StreamId,
    claims::ClaimChange,
    commands::CommandRecord,
    log::{Append, NewEvent, Outcome, StreamAppend},
    timers::WakeAt,
};

use super::stage::Standing;

/// Most events of one transaction.
const MAX_EVENTS: usize = 1_000;

/// Writes appends. Appends of one transaction must not touch one stream or one claim twice.
pub(super) struct Script {
    log: Arc<dyn EventLog>,
    batch: Vec<Append>,
    streams: HashSet<StreamId>,
    claims: HashSet<(String, String)>,
    events: usize,
}

impl Script {
    pub(super) fn new(log: Arc<dyn EventLog>) -> Self {
        Self {
            log,
            batch: Vec::new(),
            streams: HashSet::new(),
            claims: HashSet::new(),
            events: 0,
        }
    }

    /// Adds the events of a command.
    pub(super) async fn add(
        &mut self,
        events: &[RecordedEvent],
        command: Option<CommandRecord>,
        standing: Standing,
    ) -> anyhow::Result<()> {
        let Some(first) = events.first() else {
            return Ok(());
        };
        let pair = |change: &ClaimChange| match change {
            ClaimChange::Set { namespace, key, .. }
            | ClaimChange::Release { namespace, key, .. } => (namespace.clone(), key.clone()),
        };
        let pairs: Vec<_> = standing.claims.iter().map(pair).collect();
        if self.goes_on(first) {
            self.claims.extend(pairs);
            self.extend(events, command, standing);
            return Ok(());
        }
        let again = self.streams.contains(&first.stream);
        if again || pairs.iter().any(|pair| self.claims.contains(pair)) || self.events >= MAX_EVENTS
        {
            self.flush().await?;
        }
        self.claims.extend(pairs);
        self.streams.insert(first.stream.clone());
        self.events += events.len();
        self.batch.push(Append {
            streams: vec![StreamAppend {
                stream: first.stream.clone(),
                expected_version: first.sequence - 1,
                routing_key: standing.routing_key,
                events: events.iter().map(new_event).collect(),
                wake_at: standing.wake_at.map_or(WakeAt::Never, WakeAt::At),
            }],
            commands: command.into_iter().collect(),
            claims: standing.claims,
            recorded_at: first.recorded_at,
        });
        Ok(())
    }

    /// Whether an event joins the append before it: commands on one stream were, or could have been, decided together.
    fn goes_on(&self, event: &RecordedEvent) -> bool {
        let last = self.batch.last();
        let same = |last: &Append| {
            last.recorded_at == event.recorded_at
                && last
                    .streams
                    .iter()
                    .all(|append| append.stream == event.stream)
        };
        self.events < MAX_EVENTS && last.is_some_and(same)
    }

    fn extend(
        &mut self,
        events: &[RecordedEvent],
        command: Option<CommandRecord>,
        standing: Standing,
    ) {
        self.events += events.len();
        let Some(append) = self.batch.last_mut() else {
            return;
        };
        let Some(stream) = append.streams.last_mut() else {
            return;
        };
        append.commands.extend(command.map(|command| CommandRecord {
            first_event: stream.events.len(),
            ..command
        }));
        append.claims.extend(standing.claims);
        stream.events.extend(events.iter().map(new_event));
        stream.routing_key = standing.routing_key;
        stream.wake_at = standing.wake_at.map_or(WakeAt::Never, WakeAt::At);
    }

    /// Stores what was added.
    pub(super) async fn flush(&mut self) -> anyhow::Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.streams.clear();
        self.claims.clear();
        self.events = 0;
        if batch.is_empty() {
            return Ok(());
        }
        for outcome in self.log.append(batch).await? {
            match outcome {
                Outcome::Committed { .. } => {}
                other => bail!("the rehearsal's log does not take what history has: {other:?}"),
            }
        }
        Ok(())
    }
}

fn new_event(event: &RecordedEvent) -> NewEvent {
    NewEvent {
        event_id: event.event_id,
        command_id: event.command_id,
        event_type: event.event_type.clone(),
        event_version: event.event_version.clone(),
        payload: event.payload.clone(),
        metadata: event.metadata.as_str().into(),
    }
}
