//! The statements of an append: one per table, for so many rows, all in one call to the connection's thread.
//!
//! Rows are bound value by value, not as JSON that SQLite takes apart again: that took 42 us of an append's 71 us in batches of 64,
//! this takes 14 us. A statement is prepared for a few sizes; rows of NULL fill it up to the next.

use std::{borrow::Cow, mem};

use sqlx::{Sqlite, query::Query, sqlite::SqliteArguments};

/// Rows for which statements are prepared. A batch with more of them in one table takes several calls.
pub(super) const SIZES: [usize; 5] = [1, 4, 16, 64, 256];

const BEGIN: &str = include_str!("../../../sql/sqlite/begin_append.sql");
const ADVANCE: &str = include_str!("../../../sql/sqlite/advance_head.sql");
pub(super) const COMMIT: &str = include_str!("../../../sql/sqlite/commit_append.sql");

/// Begins and takes positions, where the rest needs several calls.
pub(super) const OPEN: &str = concat!(
    include_str!("../../../sql/sqlite/begin_append.sql"),
    include_str!("../../../sql/sqlite/advance_head.sql"),
);

/// Takes positions in a transaction that is already open.
pub(super) const REOPEN: &str = ADVANCE;

/// The tables' statements, in order: [`Tables`] binds in the same.
const TABLES: [&str; 6] = [
    include_str!("../../../sql/sqlite/insert_events.sql"),
    include_str!("../../../sql/sqlite/upsert_stream_heads.sql"),
    include_str!("../../../sql/sqlite/set_timers.sql"),
    include_str!("../../../sql/sqlite/insert_commands.sql"),
    include_str!("../../../sql/sqlite/release_claims.sql"),
    include_str!("../../../sql/sqlite/set_claims.sql"),
];

/// Statements that precede the `COMMIT` of [`Statements::rest`]: the tables' and the one for the log's head.
pub(super) const REST_BEFORE_COMMIT: usize = TABLES.len() + 1;

/// Statements that precede the `COMMIT` of [`Statements::whole`], which begins with one more.
pub(super) const WHOLE_BEFORE_COMMIT: usize = REST_BEFORE_COMMIT + 1;

/// A value that is bound.
#[derive(Debug)]
pub(super) enum Cell<'a> {
    Text(Cow<'a, str>),
    Number(i64),
    Bytes(&'a [u8]),
    Null,
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<Option<String>> for Cell<'_> {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Null, Self::from)
    }
}

impl From<u64> for Cell<'_> {
    fn from(number: u64) -> Self {
        Self::Number(super::read::to_i64(number))
    }
}

/// Rows of one table, `WIDTH` cells each, side by side.
#[derive(Debug, Default)]
pub(super) struct Table<'a, const WIDTH: usize>(Vec<Cell<'a>>);

impl<'a, const WIDTH: usize> Table<'a, WIDTH> {
    pub(super) fn push(&mut self, row: [Cell<'a>; WIDTH]) {
        self.0.extend(row);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len() / WIDTH
    }

    /// Binds the next `size` rows and takes them out, and NULL for those that are missing.
    fn bind(&mut self, mut call: Call<'a>, size: usize) -> Call<'a> {
        let cells = self.0.len().min(size * WIDTH);
        for cell in self.0.drain(..cells) {
            call = match cell {
                Cell::Text(text) => call.bind(text),
                Cell::Number(number) => call.bind(number),
                Cell::Bytes(bytes) => call.bind(bytes),
                Cell::Null => call.bind(None::<i64>),
            };
        }
        for _ in cells..size * WIDTH {
            call = call.bind(None::<i64>);
        }
        call
    }
}

/// A call to the connection's thread.
pub(super) type Call<'a> = Query<'a, Sqlite, SqliteArguments<'a>>;

/// Everything that a batch writes, but for the log's head.
#[derive(Debug, Default)]
pub(super) struct Tables<'a> {
    pub(super) events: Table<'a, 12>,
    pub(super) heads: Table<'a, 7>,
    /// JSON, like the other two that are rare.
    pub(super) timers: String,
    pub(super) commands: Table<'a, 4>,
    pub(super) releases: String,
    pub(super) sets: Table<'a, 4>,
}

impl<'a> Tables<'a> {
    /// Rows of the longest table.
    pub(super) fn len(&self) -> usize {
        let lengths = [
            self.events.len(),
            self.heads.len(),
            self.commands.len(),
            self.sets.len(),
        ];
        lengths.into_iter().max().unwrap_or_default()
    }

    /// Binds the next `size` rows of each table and takes them out. What is not a table goes with the first call.
    pub(super) fn bind(&mut self, call: Call<'a>, size: usize) -> Call<'a> {
        let rare = |json: &mut String| match mem::take(json) {
            taken if taken.is_empty() => "[]".to_owned(),
            json => json,
        };
        let call = self.events.bind(call, size);
        let call = self.heads.bind(call, size).bind(rare(&mut self.timers));
        let call = self.commands.bind(call, size);
        let call = call.bind(rare(&mut self.releases));
        self.sets.bind(call, size)
    }
}

/// The statements' texts for each of [`SIZES`].
#[derive(Debug)]
pub(super) struct Statements {
    /// A batch from `BEGIN` to `COMMIT`.
    pub(super) whole: [String; SIZES.len()],
    /// The same in a transaction that is already open.
    pub(super) rest: [String; SIZES.len()],
    /// The tables alone.
    pub(super) tables: [String; SIZES.len()],
}

impl Statements {
    pub(super) fn new() -> Self {
        let tables = SIZES.map(|rows| TABLES.map(|sql| widen(sql, rows)).concat());
        let around = |before: &str| {
            let text = |tables: &String| [before, tables, COMMIT].concat();
            tables.each_ref().map(text)
        };
        Self {
            whole: around(&[BEGIN, ADVANCE].concat()),
            rest: around(ADVANCE),
            tables,
        }
    }

    /// Index of the smallest size that holds so many rows; the largest holds the beginning of any number.
    pub(super) fn size_for(rows: usize) -> usize {
        let size = SIZES.iter().position(|size| *size >= rows);
        size.unwrap_or(SIZES.len() - 1)
    }
}

/// Repeats the one line of a statement that is a row of values.
fn widen(sql: &str, rows: usize) -> String {
    let lines = sql.lines().map(|line| {
        if line.trim_start().starts_with("(?") {
            vec![line; rows].join(",\n")
        } else {
            line.to_owned()
        }
    });
    lines.map(|line| line + "\n").collect()
}
