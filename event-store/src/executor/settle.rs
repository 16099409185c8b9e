//! Turning a durable batch into answers.

use super::{
    Answer, Decided, Decider, Error,
    answer::Known,
    batch::{Round, Verdict},
    mailbox::{Open, Pending},
    request::Outcome,
};
use crate::{
    commands::KnownCommand,
    log::{self, Position, StreamId},
};

/// Where a batch stands in its stream and in the log.
pub(super) struct Place {
    pub(super) stream: StreamId,
    /// The stream's version before the batch.
    pub(super) version: u64,
    /// Position of the stream's last event before the batch.
    pub(super) before: Position,
    /// Position of the batch's first event.
    pub(super) first: u64,
}

impl Place {
    /// Where the stream stands after `events` of the batch.
    fn after(&self, events: usize) -> Position {
        match events as u64 {
            0 => self.before,
            events => Position(self.first + events - 1),
        }
    }
}

/// What is not answered yet.
pub(super) struct Rest<D: Decider> {
    /// To be answered from the log.
    pub(super) repeats: Vec<(Box<Pending<D>>, KnownCommand)>,
    /// To be decided in a batch of their own.
    pub(super) left: Open<D>,
}

enum Settled<D: Decider> {
    Answer(Outcome<D>),
    Known(KnownCommand),
    Left,
}

impl<D: Decider> Settled<D> {
    /// What this means for a command with the same id.
    fn again(&self, same_content: bool) -> Self {
        match self {
            Self::Known(known) => Self::Known(known.clone()),
            Self::Answer(Ok(answer)) if !answer.events.is_empty() => {
                Self::Answer(if same_content {
                    Ok(Answer {
                        repeated: true,
                        ..answer.clone()
                    })
                } else {
                    Err(Error::KeyReused)
                })
            }
            Self::Answer(answer) if same_content => Self::Answer(answer.clone()),
            // The first left no trace, so its id is still free.
            Self::Left | Self::Answer(_) => Self::Left,
        }
    }
}

/// Answers the commands of a batch. `known`: those among the refused and the empty that were carried out before.
pub(super) fn deliver<D: Decider>(
    open: Open<D>,
    round: Round<D>,
    place: &Place,
    known: &Result<Known, log::Error>,
) -> Rest<D> {
    let stands_at = place.version + round.events.len() as u64;
    let mut events = round.events.into_iter().enumerate().peekable();
    let mut settled: Vec<Settled<D>> = Vec::with_capacity(open.len());
    for (pending, verdict) in open.iter().zip(round.verdicts) {
        let known = match &verdict {
            Verdict::Events(_) | Verdict::Again(_) => Ok(None),
            Verdict::Nothing { .. } | Verdict::Refused { .. } => known
                .as_ref()
                .map(|known| known.get(&pending.command_id).cloned()),
        };
        settled.push(match (known, verdict) {
            (Err(error), _) => Settled::Answer(Err(Error::Unavailable(error.to_string()))),
            (Ok(Some(known)), _) => Settled::Known(known),
            (Ok(None), Verdict::Again(first)) => {
                let same = open[first].fingerprint == pending.fingerprint;
                settled[first].again(same)
            }
            (Ok(None), Verdict::Refused { error, at }) => Settled::Answer(Err(Error::Refused {
                error,
                position: place.after(at),
            })),
            (Ok(None), Verdict::Nothing { at }) => {
                Settled::Answer(Ok(answer(place, at, Vec::new())))
            }
            (Ok(None), Verdict::Events(range)) => {
                // The events of time, which stand first, belong to no command.
                while events.next_if(|(index, _)| *index < range.start).is_some() {}
                let decided = events
                    .by_ref()
                    .take(range.len())
                    .map(|(index, event)| Decided {
                        event,
                        position: place.after(index + 1),
                        sequence: place.version + index as u64 + 1,
                        recorded_at: round.now,
                    });
                let decided = decided.collect();
                Settled::Answer(Ok(answer(place, range.end, decided)))
            }
        });
    }
    let mut rest = Rest {
        repeats: Vec::new(),
        left: Vec::new(),
    };
    for (pending, settled) in open.into_iter().zip(settled) {
        match settled {
            Settled::Answer(answer) if is_undone(&answer) => {
                pending.answer_undone(stands_at, answer);
            }
            Settled::Answer(answer) => pending.answer(answer),
            Settled::Known(known) => rest.repeats.push((pending, known)),
            Settled::Left => rest.left.push(pending),
        }
    }
    rest
}

/// Whether this tells that nothing was recorded.
fn is_undone<E, X: std::error::Error>(answer: &Result<Answer<E>, Error<X>>) -> bool {
    match answer {
        Ok(answer) => answer.events.is_empty(),
        Err(error) => matches!(error, Error::Refused { .. }),
    }
}

fn answer<E>(place: &Place, end: usize, events: Vec<Decided<E>>) -> Answer<E> {
    Answer {
        stream: place.stream.clone(),
        events,
        position: place.after(end),
        repeated: false,
    }
}
