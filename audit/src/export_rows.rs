//! Exporting a table of the read model as it was at a position: its rows in a file, a line each, beside a manifest.
//!
//! ```text
//!  FILE                  NDJSON: {"key": ..., "row": {...}}; or CSV (RFC 4180): the key, and a column for each member of the rows
//!  FILE.manifest.json    of which table, as of which position, made by which fold; how many rows, SHA-256 as of an exported log
//! ```
//!
//! Rows are made of the log, never taken from the read model, which may be behind or wrong. The same log makes the same bytes.

use std::{collections::BTreeSet, io::Write};

use read_model::{Document, Snapshot, Table};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::export::{Counted, Encoding, Error, Part, csv_line};

/// The form of a manifest; permanent.
pub const FORMAT: &str = "frontrow.table.v1";
/// Rows read at a time.
const PAGE: u32 = 500;
/// The column of a row's key.
const KEY: &str = "key";

/// What the file must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `frontrow.table.v1`.
    pub format: String,
    /// How rows are written.
    pub encoding: Encoding,
    /// The table's name.
    pub table: String,
    /// Right behind the event at this place in the log.
    pub position: u64,
    /// Number of the fold that made the rows.
    pub fold: u32,
    /// How many rows.
    pub rows: u64,
    /// What stands in a line, in order: of NDJSON `key` and `row`, of CSV the key and each member that any row has.
    pub columns: Vec<String>,
    /// Routing keys with an event that can't be projected: their rows stand still before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<String>,
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal: as `sha256sum` prints it.
    pub sha256: String,
    /// The same of its beginnings.
    pub parts: Vec<Part>,
}

/// What the rows are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The table.
    pub table: Table,
    /// Right behind the event at this place in the log.
    pub position: u64,
    /// Routing keys with an event that can't be projected.
    pub incomplete: Vec<String>,
}

#[derive(Serialize)]
struct Line<'a> {
    key: &'a str,
    row: &'a RawValue,
}

/// Writes all rows of a table to `out`, in the order of their keys; answers the manifest. `rows` has them as they were at `origin`'s
/// position. `progress` is told how many are written.
///
/// # Errors
/// [`Error`].
pub async fn export_rows<W: Write>(
    rows: &mut dyn Snapshot,
    origin: Origin,
    encoding: Encoding,
    out: W,
    progress: impl Fn(u64),
) -> Result<Manifest, Error> {
    let mut out = Counted::new(out);
    let columns = match encoding {
        Encoding::Ndjson => vec![KEY.to_owned(), "row".to_owned()],
        Encoding::Csv => {
            let columns = columns(rows, origin.table).await?;
            out.line(csv_line(columns.iter().map(String::as_str)).as_bytes())?;
            columns
        }
    };
    let (mut after, mut count) = (None::<String>, 0);
    loop {
        let page = rows.page(origin.table, after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        for row in &page {
            let line = match encoding {
                Encoding::Ndjson => ndjson(row)?,
                Encoding::Csv => csv(row, &columns)?,
            };
            out.line(line.as_bytes())?;
            count += 1;
        }
        progress(count);
    }
    let written = out.finish()?;
    Ok(Manifest {
        format: FORMAT.to_owned(),
        encoding,
        table: origin.table.name().to_owned(),
        position: origin.position,
        fold: origin.table.projection().fold(),
        rows: count,
        columns,
        incomplete: origin.incomplete,
        bytes: written.bytes,
        sha256: written.sha256,
        parts: written.parts,
    })
}

/// The key, and every member that any row has.
async fn columns(rows: &mut dyn Snapshot, table: Table) -> Result<Vec<String>, Error> {
    let (mut names, mut after) = (BTreeSet::new(), None::<String>);
    loop {
        let page = rows.page(table, after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        for row in &page {
            names.extend(members(row)?.into_iter().map(|(name, _)| name));
        }
    }
    names.remove(KEY);
    Ok(std::iter::once(KEY.to_owned()).chain(names).collect())
}

fn members(row: &Document) -> Result<Map<String, Value>, Error> {
    serde_json::from_str(&row.json).map_err(|error| {
        let text = format!("the row {} is no object: {error}", row.key);
        Error::ReadModel(read_model::Error::Corrupt(text))
    })
}

fn ndjson(row: &Document) -> Result<String, Error> {
    let line = Line {
        key: &row.key,
        row: serde_json::from_str(&row.json).map_err(std::io::Error::from)?,
    };
    let line = serde_json::to_string(&line).map_err(std::io::Error::from)?;
    Ok(line + "\n")
}

/// Texts as they are, nothing for what is not there, everything else as JSON.
fn csv(row: &Document, columns: &[String]) -> Result<String, Error> {
    let members = members(row)?;
    let fields: Vec<_> = columns
        .iter()
        .map(|column| match members.get(column) {
            _ if column == KEY => row.key.clone(),
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        })
        .collect();
    Ok(csv_line(fields.iter().map(String::as_str)))
}
