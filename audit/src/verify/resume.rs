//! How far a check has come, in a file: so that one that was cut short, or is done each night, reads only what it has not seen.
//!
//! The file is a cache. It names the event at which it ends, so that it is refused for another log, or after history was cut. It can't
//! tell whether what was read before has been changed since: a check without it does.

use std::{
    fmt,
    fs::File,
    io::{BufReader, BufWriter, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use event_store::{EventLog, Position};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Books, Error, commands::Seen, report::Findings};

/// Raised whenever what is kept changes its form or its meaning.
const FORMAT: u32 = 1;
/// How often a running check is saved: writing a million payments takes a second.
const EVERY: Duration = Duration::from_mins(1);

/// A check as it is saved.
#[derive(Serialize)]
struct Saved<'a> {
    format: u32,
    position: u64,
    event_id: Uuid,
    books: &'a Books,
    seen: &'a Seen,
    findings: &'a Findings,
}

/// A check as it is taken up.
#[derive(Deserialize)]
pub(super) struct Resumed {
    format: u32,
    pub(super) position: u64,
    event_id: Uuid,
    pub(super) books: Books,
    pub(super) seen: Seen,
    pub(super) findings: Findings,
}

/// Where a check is kept.
#[derive(Debug)]
pub(super) struct ResumeFile {
    path: PathBuf,
    saved: Instant,
}

impl ResumeFile {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            saved: Instant::now(),
        }
    }

    fn error(&self, what: &str, error: &dyn fmt::Display) -> Error {
        Error::Resume(format!("{what} {}: {error}", self.path.display()))
    }

    /// What was saved; none where there is no file yet.
    pub(super) async fn load(&self, log: &dyn EventLog) -> Result<Option<Resumed>, Error> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(|error| self.error("can't open", &error))?,
        };
        let resumed: Resumed = serde_json::from_reader(BufReader::new(file))
            .map_err(|error| self.error("can't read", &error))?;
        if resumed.format != FORMAT {
            return Err(self.error("can't use", &"it was written by another release: remove it"));
        }
        let before = Position(resumed.position.saturating_sub(1));
        let last = log.read_all(before, 1).await?;
        let is_same = last.first().is_some_and(|event| {
            event.position.0 == resumed.position && event.event_id == resumed.event_id
        });
        if !is_same {
            let position = resumed.position;
            let text = format!("it is of another log, or of another history: position {position}");
            return Err(self.error("can't use", &text));
        }
        Ok(Some(resumed))
    }

    /// Saves where a check stands, if it is time to.
    pub(super) fn save_sometimes(
        &mut self,
        last: (u64, Uuid),
        books: &Books,
        seen: &Seen,
        findings: &Findings,
    ) -> Result<(), Error> {
        if self.saved.elapsed() < EVERY {
            return Ok(());
        }
        self.save(last, books, seen, findings)
    }

    /// Saves where a check stands: whole or not at all.
    pub(super) fn save(
        &mut self,
        (position, event_id): (u64, Uuid),
        books: &Books,
        seen: &Seen,
        findings: &Findings,
    ) -> Result<(), Error> {
        let saved = Saved {
            format: FORMAT,
            position,
            event_id,
            books,
            seen,
            findings,
        };
        let beside = self.path.with_extension("new");
        let write = || -> std::io::Result<()> {
            let mut file = BufWriter::new(File::create(&beside)?);
            serde_json::to_writer(&mut file, &saved)?;
            file.flush()?;
            std::fs::rename(&beside, &self.path)
        };
        write().map_err(|error| self.error("can't write", &error))?;
        self.saved = Instant::now();
        Ok(())
    }
}

/// A map whose keys are no texts, as a list of pairs.
pub(super) mod pairs {
    use std::{collections::HashMap, hash::Hash};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in crate::verify) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &HashMap<K, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(in crate::verify) fn deserialize<'de, K, V, D>(
        deserializer: D,
    ) -> Result<HashMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Eq + Hash,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Vec::<(K, V)>::deserialize(deserializer).map(|pairs| pairs.into_iter().collect())
    }
}

/// A length of time, in seconds.
pub(super) mod seconds {
    use chrono::TimeDelta;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::verify) fn serialize<S: Serializer>(
        length: &TimeDelta,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(length.num_seconds())
    }

    pub(in crate::verify) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<TimeDelta, D::Error> {
        i64::deserialize(deserializer)
            .map(|seconds| TimeDelta::try_seconds(seconds).unwrap_or_default())
    }
}
