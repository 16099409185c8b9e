//! Where the topic ends: what the relay resumes from.

use super::{Deps, Error};
use crate::{
    bus::kafka::{client::blocking, reader::Reader, record::Record},
    log::{self, EventLog, Position},
};

/// What a new session begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tails {
    /// The position last sent to each partition, or an earlier one: a straggler's record may stand at the end. Everything up to it that
    /// belongs there was sent.
    pub(super) sent: Vec<Position>,
    /// Up to here everything was acknowledged, the second records included.
    pub(super) acknowledged: Position,
}

impl Tails {
    /// What to read on from.
    pub(super) fn start(&self) -> Position {
        let least = self.sent.iter().min().copied().unwrap_or_default();
        least.min(self.acknowledged)
    }
}

/// Reads the last record of each partition, and checks that the log has the same there.
///
/// # Errors
/// [`Error`].
pub(super) async fn read(deps: &Deps) -> Result<Tails, Error> {
    let options = deps.kafka.clone();
    let last = blocking(move || {
        let reader = Reader::open(&options)?;
        (0..options.partitions)
            .map(|partition| reader.last(partition))
            .collect::<Result<Vec<_>, _>>()
    })
    .await?;
    for record in last.iter().flatten() {
        check(&*deps.log, record).await?;
    }
    let acknowledged = last.iter().flatten().map(acknowledged).max();
    let sent = last.iter().map(|record| match record {
        Some(record) => record.sent.position,
        None => Position(0),
    });
    Ok(Tails {
        sent: sent.collect(),
        acknowledged: acknowledged.unwrap_or_default(),
    })
}

/// A watermark is sent once everything up to it was acknowledged.
fn acknowledged(record: &Record) -> Position {
    match record.event {
        None => record.sent.position,
        Some(_) => record.sent.acknowledged,
    }
}

async fn check(log: &dyn EventLog, record: &Record) -> Result<(), Error> {
    let (position, epoch) = (record.sent.position, record.sent.epoch);
    let Some(before) = position.0.checked_sub(1) else {
        return Err(Error::Refused(format!(
            "the record at offset {} of partition {} has position 0",
            record.offset, record.partition
        )));
    };
    let found = log.read_all(Position(before), 1).await.map_err(unread)?;
    match found.first() {
        Some(event) if event.event_id == record.event_id && event.epoch == epoch => Ok(()),
        Some(event) => Err(Error::Diverged(format!(
            "partition {} ends with event {} of epoch {epoch} at position {position}, where the log has {} of epoch {}",
            record.partition, record.event_id, event.event_id, event.epoch
        ))),
        None => Err(Error::Diverged(format!(
            "partition {} ends at position {position}, which the log does not have",
            record.partition
        ))),
    }
}

/// A log that can't be read.
pub(super) fn unread(error: log::Error) -> Error {
    match error {
        log::Error::Corrupt(_) | log::Error::Refused(_) => Error::Refused(error.to_string()),
        other => Error::Unavailable(other.to_string()),
    }
}
