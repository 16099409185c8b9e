//! The lines of an export, each checked as it is read: a fault is named by its line.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use audit::{
    export::{Manifest, Running},
    seals::stored_event::StoredEvent,
};
use event_store::{RecordedEvent, log::MAX_EVENT_BYTES};

/// Longest line: the largest event, each byte of it escaped.
const MAX_LINE: u64 = 8 * MAX_EVENT_BYTES as u64;

/// Reads an export once, from its first line to its last.
pub(super) struct Lines<'a> {
    path: PathBuf,
    manifest: &'a Manifest,
    reader: BufReader<File>,
    hash: Running,
    read: u64,
    /// Parts of the file whose hash was compared.
    compared: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn open(path: &Path, manifest: &'a Manifest) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("{} can't be read", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            manifest,
            reader: BufReader::with_capacity(1 << 20, file),
            hash: Running::default(),
            read: 0,
            compared: 0,
        })
    }

    /// Lines read so far.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// The events of the next lines, at most `limit`; none at the end.
    pub(super) fn next_page(&mut self, limit: usize) -> anyhow::Result<Vec<RecordedEvent>> {
        let mut page = Vec::new();
        while page.len() < limit {
            let Some(event) = self.next_event()? else {
                break;
            };
            page.push(event);
        }
        Ok(page)
    }

    fn next_event(&mut self) -> anyhow::Result<Option<RecordedEvent>> {
        let (path, number) = (self.path.clone(), self.read + 1);
        let path = path.display();
        let mut line = Vec::new();
        let read = self
            .reader
            .by_ref()
            .take(MAX_LINE)
            .read_until(b'\n', &mut line);
        read.with_context(|| format!("{path}, line {number}: can't be read"))?;
        let events = self.manifest.events;
        if line.is_empty() {
            ensure!(
                self.read == events,
                "{path} ends with line {}, but its manifest says {events} events: it is cut off",
                self.read
            );
            return Ok(None);
        }
        ensure!(
            number <= events,
            "{path}, line {number}: its manifest says {events} events, the file has more"
        );
        ensure!(
            line.last() == Some(&b'\n'),
            "{path}, line {number}: it is cut off, or longer than any event"
        );
        self.hash.update(&line);
        self.read = number;
        self.compare()?;
        let event: StoredEvent = serde_json::from_slice(&line)
            .with_context(|| format!("{path}, line {number}: it is no event"))?;
        let position = event.position;
        ensure!(
            position == number,
            "{path}, line {number}: it has the event at position {position}"
        );
        let event = RecordedEvent::try_from(event);
        let event = event.map_err(|why| anyhow::anyhow!("{path}, line {number}: {why}"))?;
        Ok(Some(event))
    }

    /// Compares the hash at the end of a part.
    fn compare(&mut self) -> anyhow::Result<()> {
        let Some(part) = self.manifest.parts.get(self.compared) else {
            return Ok(());
        };
        if part.last_line != self.read {
            return Ok(());
        }
        if part.sha256 != self.hash.so_far() {
            let before = self.compared.checked_sub(1);
            let first = before.map_or(1, |part| self.manifest.parts[part].last_line + 1);
            bail!(
                "{}: lines {first} to {} are not what was exported: their SHA-256 is not the manifest's",
                self.path.display(),
                self.read
            );
        }
        self.compared += 1;
        Ok(())
    }

    /// The file was read to its end: is it what the manifest says?
    pub(super) fn finish(self) -> anyhow::Result<()> {
        let (path, found) = (self.path.display(), self.hash.so_far());
        let wanted = &self.manifest.sha256;
        let parts = self.manifest.parts.last();
        ensure!(
            found == *wanted,
            "{path}: lines {} to {} are not what was exported: the file's SHA-256 is {found}, the manifest's {wanted}",
            parts.map_or(1, |part| part.last_line + 1),
            self.read
        );
        Ok(())
    }
}
