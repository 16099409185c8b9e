//! The rules by which a consumer follows one partition: no duplicate is applied, no loss goes unnoticed. No I/O.

use super::record::Record;
use crate::{
    bus::{Cursor, Error},
    log::{Position, RecordedEvent},
};

/// Where a consumer stands in one partition.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// What was handed over, and the offset of the next record to read.
    pub(super) cursor: Cursor,
    /// The furthest that the partition was seen to reach, dropped records included.
    reached: Position,
    /// The newest epoch that was seen.
    newest: u64,
    /// Reading began at an offset that was guessed, and nothing has confirmed it yet.
    guessed: bool,
    /// Records at and behind this offset are of before the rewind.
    rewound_from: Option<i64>,
}

/// What becomes of a record.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// It is the next event.
    Deliver(Box<RecordedEvent>),
    /// It only moves the cursor.
    Move,
    /// It was seen before, or belongs to a history that was given up.
    Drop,
    /// The offset that reading began at was too late; begin at the partition's beginning.
    Rewind,
}

impl Place {
    /// Behind `cursor`, reading from `cursor.offset` on; `guessed` where that might be too late.
    pub(super) fn at(cursor: Cursor, guessed: bool) -> Self {
        Self {
            cursor,
            reached: Position(0),
            newest: 0,
            guessed,
            rewound_from: None,
        }
    }

    /// Takes the next record.
    ///
    /// # Errors
    /// [`Error::Diverged`], [`Error::Corrupt`].
    pub(super) fn take(&mut self, record: Record) -> Result<Step, Error> {
        if let Some(from) = self.rewound_from {
            if record.offset >= from {
                return Ok(Step::Drop);
            }
            self.rewound_from = None;
        }
        let (sent, cursor) = (record.sent, &mut self.cursor);
        self.reached = self.reached.max(sent.position);
        self.newest = self.newest.max(sent.epoch);
        if sent.epoch > cursor.epoch && sent.position <= cursor.position {
            return Err(Error::Diverged(format!(
                "position {} was seen in epoch {}, but partition {} has another event of epoch {} there",
                sent.position, cursor.epoch, cursor.partition, sent.epoch
            )));
        }
        if sent.epoch < cursor.epoch || sent.position <= cursor.position {
            cursor.offset = record.offset + 1;
            return Ok(Step::Drop);
        }
        if sent.prev_position > cursor.position {
            if self.guessed {
                self.guessed = false;
                self.rewound_from = Some(record.offset);
                return Ok(Step::Rewind);
            }
            return Err(Error::Corrupt(format!(
                "position {} of partition {} comes after {}, but only {} was seen",
                sent.position, cursor.partition, sent.prev_position, cursor.position
            )));
        }
        self.guessed = false;
        cursor.offset = record.offset + 1;
        cursor.position = sent.position;
        cursor.epoch = sent.epoch;
        Ok(record
            .event
            .map_or(Step::Move, |event| Step::Deliver(Box::new(event))))
    }

    /// Whether the partition, which was read to its end, may be the one that was followed so far; `false` where it ends before the
    /// cursor, which may be because the relay is behind.
    ///
    /// # Errors
    /// [`Error::Diverged`].
    pub(super) fn at_end(&self) -> Result<bool, Error> {
        let cursor = &self.cursor;
        if self.reached < cursor.position {
            return Ok(false);
        }
        if self.newest < cursor.epoch {
            return Err(Error::Diverged(format!(
                "position {} was seen in epoch {}, but partition {} has come to {} in epoch {}",
                cursor.position, cursor.epoch, cursor.partition, self.reached, self.newest
            )));
        }
        Ok(true)
    }

    /// What to say of a partition that still ends before the cursor.
    pub(super) fn too_short(&self) -> Error {
        Error::Diverged(format!(
            "position {} of epoch {} was seen, but partition {} ends at {}",
            self.cursor.position, self.cursor.epoch, self.cursor.partition, self.reached
        ))
    }
}
