//! Answering a command that was carried out before, from its events in the log.

use std::collections::HashMap;

use futures::{StreamExt, stream};
use uuid::Uuid;

use super::{Answer, Decided, Decider, Error, mailbox::Pending};
use crate::{
    commands::KnownCommand,
    log::{self, EventLog, Position},
};

/// Answers rebuilt at a time.
const CONCURRENT_READS: usize = 8;

/// The known ones among commands.
pub(super) type Known = HashMap<Uuid, KnownCommand>;

/// Which of these commands the log knows.
pub(super) async fn look_up(log: &dyn EventLog, ids: &[Uuid]) -> Result<Known, log::Error> {
    if ids.is_empty() {
        return Ok(Known::new());
    }
    let known = log.known_commands(ids).await?;
    Ok(by_id(known))
}

pub(super) fn by_id(known: Vec<Option<KnownCommand>>) -> Known {
    let known = known.into_iter().flatten();
    known.map(|known| (known.command_id, known)).collect()
}

/// Answers commands that are known.
pub(super) async fn repeat<D: Decider>(
    log: &dyn EventLog,
    pending: Vec<(Box<Pending<D>>, KnownCommand)>,
) {
    stream::iter(pending)
        .for_each_concurrent(CONCURRENT_READS, |(pending, known)| async move {
            let answer = if pending.fingerprint == known.fingerprint {
                rebuild::<D>(log, &known, pending.unresolved.is_none()).await
            } else {
                Err(Error::KeyReused)
            };
            pending.answer(answer);
        })
        .await;
}

/// The answer that a command had when it was carried out.
async fn rebuild<D: Decider>(
    log: &dyn EventLog,
    known: &KnownCommand,
    repeated: bool,
) -> Result<Answer<D::Event>, Error<D::Error>> {
    let (first, last) = (known.first.0, known.last.0);
    let broken = || Error::Broken(format!("no events of {} at {first}", known.command_id));
    let count = (last + 1).checked_sub(first).ok_or_else(broken)?;
    let events = log
        .read_all(
            Position(first.saturating_sub(1)),
            usize::try_from(count).map_err(|_| broken())?,
        )
        .await
        .map_err(|error| Error::Unknown(format!("its answer can't be read: {error}")))?;
    let mut stream = None;
    let mut decided = Vec::with_capacity(events.len());
    for recorded in events {
        if recorded.command_id != known.command_id {
            continue;
        }
        if &*recorded.stream.aggregate_type != D::TYPE {
            // The id belongs to a command of another kind of aggregate.
            return Err(Error::KeyReused);
        }
        decided.push(Decided {
            event: D::decode(&recorded).map_err(Error::Broken)?,
            position: recorded.position,
            sequence: recorded.sequence,
            recorded_at: recorded.recorded_at,
        });
        stream.get_or_insert(recorded.stream);
    }
    Ok(Answer {
        stream: stream.ok_or_else(broken)?,
        events: decided,
        position: known.last,
        repeated,
    })
}
