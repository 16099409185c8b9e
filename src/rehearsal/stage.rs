//! One aggregate on the stage: a command is decided on the state that history had, what comes out is compared with what history has, and
//! history goes on.

use chrono::{DateTime, Utc};
use command_api::deciding::{Deciding, decode};
use event_store::{
    RecordedEvent, StreamId,
    claims::ClaimChange,
    commands::event_id,
    executor::{Decider, Encoded},
};

use super::{
    asked::Asked,
    report::{Decided, Verdict},
};

/// Longest text of what was decided that is told.
const MAX_TEXT: usize = 400;

/// What an append needs to know of a stream once a command's events are part of it.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) claims: Vec<ClaimChange>,
    pub(super) wake_at: Option<DateTime<Utc>>,
    pub(super) routing_key: String,
}

/// An aggregate of any kind, as far as it was played.
pub(super) trait Played: Send {
    /// Number of its events so far.
    fn version(&self) -> u64;

    /// Takes events as they are.
    fn fold(&mut self, events: &[RecordedEvent]) -> anyhow::Result<()>;

    /// Decides the command that brought `events` about again, then takes them. `due`: time alone brought them about.
    fn play(&mut self, events: &[RecordedEvent], due: bool) -> anyhow::Result<(Verdict, Standing)>;
}

/// An aggregate that is being played.
#[derive(Debug)]
pub(super) struct Live<A> {
    stream: StreamId,
    state: A,
    version: u64,
}

impl<A: Asked> Live<A> {
    pub(super) fn new(stream: &StreamId) -> Self {
        Self {
            stream: stream.clone(),
            state: A::default(),
            version: 0,
        }
    }

    fn take(&mut self, recorded: &[RecordedEvent], events: &[A::Event]) -> anyhow::Result<()> {
        for (stored, event) in recorded.iter().zip(events) {
            self.version += 1;
            anyhow::ensure!(
                stored.sequence == self.version,
                "the stream {} has no event {}: `frontrow audit verify` tells more",
                self.stream,
                self.version
            );
            self.state.evolve(event);
        }
        Ok(())
    }

    fn verdict(&self, recorded: &[RecordedEvent], events: &[A::Event], due: bool) -> Verdict {
        let Some(now) = recorded.first().map(|event| event.recorded_at) else {
            return Verdict::NotAsked;
        };
        let decided = if due {
            Ok(self.state.due(now))
        } else {
            match self.state.asked(events) {
                Some(command) => self.state.decide(&command, now),
                None => return Verdict::NotAsked,
            }
        };
        match decided {
            Ok(decided) if decided == events && named_alike(recorded) => Verdict::Same,
            Ok(decided) => Verdict::Other(decided.iter().map(told::<A>).collect()),
            Err(refusal) => Verdict::Refused(refusal.to_string()),
        }
    }
}

/// Whether the events have the names that the command gives them.
fn named_alike(recorded: &[RecordedEvent]) -> bool {
    let mut named = recorded.iter().enumerate();
    named.all(|(ordinal, event)| event.event_id == event_id(event.command_id, ordinal))
}

fn told<A: Asked>(event: &A::Event) -> Decided {
    let Encoded {
        event_type,
        mut payload,
        ..
    } = Deciding::<A>::encode(event);
    if payload.len() > MAX_TEXT {
        let cut = (0..=MAX_TEXT)
            .rev()
            .find(|at| payload.is_char_boundary(*at));
        payload.truncate(cut.unwrap_or_default());
        payload.push_str("...");
    }
    Decided {
        event_type,
        payload,
    }
}

impl<A: Asked> Played for Live<A> {
    fn version(&self) -> u64 {
        self.version
    }

    fn fold(&mut self, recorded: &[RecordedEvent]) -> anyhow::Result<()> {
        let events = decoded::<A>(recorded)?;
        self.take(recorded, &events)
    }

    fn play(
        &mut self,
        recorded: &[RecordedEvent],
        due: bool,
    ) -> anyhow::Result<(Verdict, Standing)> {
        let events = decoded::<A>(recorded)?;
        let verdict = self.verdict(recorded, &events, due);
        let claims = events
            .iter()
            .flat_map(|event| <Deciding<A> as Decider>::claims(&self.stream, event))
            .collect();
        self.take(recorded, &events)?;
        let standing = Standing {
            claims,
            wake_at: self.state.wake_at(),
            routing_key: self.state.routing_key(&self.stream.aggregate_id),
        };
        Ok((verdict, standing))
    }
}

fn decoded<A: Asked>(recorded: &[RecordedEvent]) -> anyhow::Result<Vec<A::Event>> {
    let decoded = recorded.iter().map(decode::<A>);
    decoded
        .collect::<Result<_, _>>()
        .map_err(anyhow::Error::msg)
}
