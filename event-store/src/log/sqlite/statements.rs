//! The statements of an append: one per table, for so many rows, all in one call to the connection's thread.
//!
//! Rows are bound value by value, not as JSON that SQLite takes apart again: that took 42 us of an append's 71 us in batches of 64,
//! this takes 14 us. A statement is prepared for a few sizes; rows of NULL fill it up to the next.

use std::borrow::Cow;

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
#[derive(Debug, Clone)]
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

    /// Binds up to `size` rows from row `from` on, and NULL for those that are missing.
    fn bind(&self, mut query: Call<'a>, from: usize, size: usize) -> Call<'a> {
        let begin = (from * WIDTH).min(self.0.len());
        let end = ((from + size) * WIDTH).min(self.0.len());
        for cell in &self.0[begin..end] {
            query = match cell.clone() {
                Cell::Text(text) => query.bind(text),
                Cell::Number(number) => query.bind(number),
                Cell::Bytes(bytes) => query.bind(bytes),
                Cell::Null => query.bind(None::<i64>),
            };
        }
        for _ in end - begin..size * WIDTH {
            query = query.bind(None::<i64>);
        }
        query
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

    /// Binds `size` rows of each table from row `from` on. What is not a table goes with the first call.
    pub(super) fn bind(&self, call: Call<'a>, from: usize, size: usize) -> Call<'a> {
        let rare = |json: &String| {
            if from == 0 {
                json.clone()
            } else {
                "[]".to_owned()
            }
        };
        let call = self.events.bind(call, from, size);
        let call = self.heads.bind(call, from, size).bind(rare(&self.timers));
        let call = self
            .commands
            .bind(call, from, size)
            .bind(rare(&self.releases));
        self.sets.bind(call, from, size)
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
