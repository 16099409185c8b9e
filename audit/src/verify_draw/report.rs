//! What a check of a proof found, for people and programs.

use std::fmt;

use serde::Serialize;
use uuid::Uuid;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The drop.
    pub drop_id: Uuid,
    /// What is drawn for.
    pub title: String,
    /// `at_close` or `on_entry`.
    pub draw: String,
    /// `beacon` or `operator-trusted`.
    pub fairness: String,
    /// Where the beacon's value is published, and which one it is, both quoted: to be compared by whoever checks.
    pub beacon: Option<String>,
    /// What was committed to before entries opened: to be compared with what was published then.
    pub commitment: String,
    /// Merkle root of the list: to be compared with what was published at the close.
    pub root: String,
    /// Entries in the list.
    pub entries: usize,
    /// Lots that win.
    pub winning: usize,
    /// Entries that won.
    pub won: usize,
    /// Of how many.
    pub stock: u32,
    /// The entry that was asked for.
    pub entry: Option<EntryReport>,
    /// What is not wrong, but left to whoever checks.
    pub notes: Vec<String>,
    /// What is wrong; at most 100.
    pub findings: Vec<String>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntryReport {
    /// Its id.
    pub entry_id: Uuid,
    /// Place in the list, from 0; `None`: it is not in the list.
    pub number: Option<usize>,
    /// Its lot, as it was computed here.
    pub lot: Option<String>,
    /// What the proof says of it.
    pub result: Option<String>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "drop        {} ({:?})", self.drop_id, self.title)?;
        // Texts of the file are escaped, lest they move the cursor and conceal what was found.
        let [draw, fairness, commitment, root] =
            [&self.draw, &self.fairness, &self.commitment, &self.root]
                .map(|text| text.escape_debug());
        writeln!(f, "drawn       {draw}, {fairness}")?;
        writeln!(f, "commitment  {commitment}")?;
        writeln!(f, "root        {root}")?;
        if let Some(beacon) = &self.beacon {
            writeln!(f, "beacon      {beacon}")?;
        }
        let Self {
            entries,
            winning,
            won,
            stock,
            ..
        } = self;
        writeln!(
            f,
            "entries     {entries}; {winning} lots win; {won} of {stock} won"
        )?;
        if let Some(entry) = &self.entry {
            let lot = entry.lot.as_deref().unwrap_or("-");
            let result = entry.result.as_deref().unwrap_or("not in the list");
            let result = result.escape_debug();
            writeln!(f, "your entry  {}: lot {lot}, {result}", entry.entry_id)?;
        }
        for note in &self.notes {
            writeln!(f, "NOTE        {note}")?;
        }
        for finding in &self.findings {
            writeln!(f, "FINDING     {finding}")?;
        }
        if self.is_clean() {
            write!(f, "verified: everything follows from what was committed to")
        } else {
            write!(f, "NOT verified: {} findings", self.findings.len())
        }
    }
}
