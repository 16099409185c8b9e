//! Exporting the log: its events in a file, a line each, beside a manifest that says what the file must be.
//!
//! ```text
//!  FILE                  NDJSON: an event a line, as proofs write it; or CSV (RFC 4180) with a header
//!  FILE.manifest.json    which events, how many, SHA-256 of the file and of each part of it
//! ```
//!
//! The same events make the same bytes, wherever they are exported.

use std::{
    io::{self, Write},
    path::Path,
};

use aws_lc_rs::digest::{Context, SHA256};
use event_store::{EventLog, Position, RecordedEvent, StreamId, log};
use serde::{Deserialize, Serialize};

use crate::seals::stored_event::StoredEvent;

/// The form of a manifest; permanent.
pub const FORMAT: &str = "frontrow.export.v1";
/// Events read at a time: at most half a megabyte each, usually less than one.
const PAGE: usize = 500;
/// Lines of a part whose hash the manifest has, so that a fault is found near its line.
pub const PART_LINES: u64 = 10_000;
/// The columns of an export, in order.
pub const COLUMNS: [&str; 14] = [
    "position",
    "shard",
    "epoch",
    "aggregate_type",
    "aggregate_id",
    "sequence",
    "event_id",
    "command_id",
    "routing_key",
    "event_type",
    "event_version",
    "payload",
    "metadata",
    "recorded_at",
];

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// One JSON object a line.
    Ndjson,
    /// RFC 4180, with a header, lines ended by CR LF.
    Csv,
}

/// Which events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Those from the first position to the last.
    Range(u64, u64),
    /// Those of a stream.
    Stream(StreamId),
}

/// A part of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Its last line, from 1.
    pub last_line: u64,
    /// SHA-256 of the file up to the end of that line, in hexadecimal.
    pub sha256: String,
}

/// What the file must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `frontrow.export.v1`.
    pub format: String,
    /// How events are written.
    pub encoding: Encoding,
    /// Of this stream alone, `TYPE/ID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// How many events.
    pub events: u64,
    /// Position of the first; 0 where there is none.
    pub first: u64,
    /// Position of the last; 0 where there is none.
    pub last: u64,
    /// What stands in a line, in order.
    pub columns: Vec<String>,
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal: as `sha256sum` prints it.
    pub sha256: String,
    /// The same of its beginnings.
    pub parts: Vec<Part>,
}

/// Why events could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log can't be read.
    #[error("the log can't be read")]
    Log(#[from] log::Error),
    /// The log has a hole.
    #[error("the log has no event at position {0}: `frontrow audit verify` tells more")]
    Hole(u64),
    /// The file can't be written.
    #[error("the file can't be written")]
    Io(#[from] io::Error),
    /// Rows can't be read.
    #[error(transparent)]
    ReadModel(#[from] read_model::Error),
}

/// Where the manifest of a file is.
pub fn manifest_path(file: &Path) -> std::path::PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".manifest.json");
    name.into()
}

/// Counts and hashes what goes through to `W`.
#[derive(Debug)]
pub(crate) struct Counted<W> {
    inner: W,
    bytes: u64,
    lines: u64,
    hash: Running,
    parts: Vec<Part>,
}

/// A hash that can be asked for on the way.
pub struct Running(Context);

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Running(..)")
    }
}

impl Default for Running {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl Running {
    /// Takes account of the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of everything so far, in hexadecimal.
    pub fn so_far(&self) -> String {
        let digest = self.0.clone().finish();
        let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
        digits.collect()
    }
}

/// What went through.
pub(crate) struct Written {
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    pub(crate) parts: Vec<Part>,
}

impl<W: Write> Counted<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self {
            inner,
            bytes: 0,
            lines: 0,
            hash: Running::default(),
            parts: Vec::new(),
        }
    }

    pub(crate) fn finish(mut self) -> io::Result<Written> {
        self.inner.flush()?;
        Ok(Written {
            bytes: self.bytes,
            sha256: self.hash.so_far(),
            parts: self.parts,
        })
    }

    pub(crate) fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.inner.write_all(line)?;
        self.hash.update(line);
        self.bytes += u64::try_from(line.len()).unwrap_or(u64::MAX);
        self.lines += 1;
        if self.lines.is_multiple_of(PART_LINES) {
            self.parts.push(Part {
                last_line: self.lines,
                sha256: self.hash.so_far(),
            });
        }
        Ok(())
    }
}

/// Writes the events of `selection` to `out`; answers the manifest. `progress` is told how many of how many are written, where that is
/// known.
///
/// # Errors
/// [`Error`].
pub async fn export<W: Write>(
    log: &dyn EventLog,
    selection: &Selection,
    encoding: Encoding,
    out: W,
    progress: impl Fn(u64, u64),
) -> Result<Manifest, Error> {
    let mut out = Counted::new(out);
    if encoding == Encoding::Csv {
        out.line(csv_line(COLUMNS).as_bytes())?;
    }
    let head = log.head().await?.position.0;
    let (mut after, end) = match selection {
        Selection::Range(first, last) => (first.saturating_sub(1), (*last).min(head)),
        Selection::Stream(_) => (0, u64::MAX),
    };
    let total = end.min(head).saturating_sub(after);
    let (mut events, mut first, mut last) = (0, 0, 0);
    while after < end {
        let page = match selection {
            Selection::Range(..) => log.read_all(Position(after), PAGE).await?,
            Selection::Stream(stream) => log.read_stream(stream, after, PAGE).await?,
        };
        let Some(newest) = page.last() else { break };
        let reached = match selection {
            Selection::Range(..) => newest.position.0,
            Selection::Stream(_) => newest.sequence,
        };
        for event in &page {
            let position = event.position.0;
            if matches!(selection, Selection::Range(..)) {
                after += 1;
                if position != after {
                    return Err(Error::Hole(after));
                }
                if position > end {
                    break;
                }
            }
            out.line(&line(event, encoding)?)?;
            events += 1;
            first = if first == 0 { position } else { first };
            last = position;
        }
        after = reached;
        progress(events, total);
    }
    let written = out.finish()?;
    if matches!(selection, Selection::Range(..)) && events < total {
        return Err(Error::Hole(last.max(after) + 1));
    }
    Ok(Manifest {
        format: FORMAT.to_owned(),
        encoding,
        stream: match selection {
            Selection::Range(..) => None,
            Selection::Stream(stream) => Some(stream.to_string()),
        },
        events,
        first,
        last,
        columns: COLUMNS.map(str::to_owned).to_vec(),
        bytes: written.bytes,
        sha256: written.sha256,
        parts: written.parts,
    })
}

fn line(event: &RecordedEvent, encoding: Encoding) -> io::Result<Vec<u8>> {
    let event = StoredEvent::from(event);
    match encoding {
        Encoding::Ndjson => {
            let mut line = serde_json::to_vec(&event)?;
            line.push(b'\n');
            Ok(line)
        }
        Encoding::Csv => Ok(csv(&event).into_bytes()),
    }
}

fn csv(event: &StoredEvent) -> String {
    let (event_id, command_id) = (event.event_id.to_string(), event.command_id.to_string());
    csv_line([
        &*event.position.to_string(),
        &event.shard.to_string(),
        &event.epoch.to_string(),
        &event.aggregate_type,
        &event.aggregate_id,
        &event.sequence.to_string(),
        &event_id,
        &command_id,
        &event.routing_key,
        &event.event_type,
        &event.event_version,
        &event.payload,
        &event.metadata,
        &event.recorded_at,
    ])
}

/// A line of RFC 4180.
pub(crate) fn csv_line<'a>(fields: impl IntoIterator<Item = &'a str>) -> String {
    let fields = fields.into_iter().map(|field| {
        if field.contains([',', '"', '\r', '\n']) {
            format!("\"{}\"", field.replace('"', "\"\""))
        } else {
            field.to_owned()
        }
    });
    fields.collect::<Vec<_>>().join(",") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_is_quoted_where_it_must_be() {
        let mut fields = ["x"; COLUMNS.len()];
        fields[1] = "a\"b";
        fields[2] = "a,b";
        fields[3] = "a\nb";
        let line = csv_line(fields);
        assert!(
            line.starts_with("x,\"a\"\"b\",\"a,b\",\"a\nb\",x,"),
            "{line}"
        );
        assert!(line.ends_with("x\r\n"));
    }
}
