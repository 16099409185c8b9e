//! Checks the log against its seals: every event is hashed anew, and compared with the stored hashes, the signed heads and their copies.
//!
//! ```text
//!  events   hashed anew ──▶ tree A ──┐
//!  tiles    stored hashes ▶ tree B ──┼── at each head: A leads to it: its events are untouched, whatever the tiles say
//!  heads, copies ───────────────────┘                 B does, A does not: the events that differ from the tiles were changed
//!                                                     neither does: something was changed since the head before, and the tiles with it
//! ```

use std::{collections::BTreeMap, fmt};

use event_store::{
    EventLog, Position, RecordedEvent,
    log::Error as LogError,
    seals::{
        Seals,
        merkle::{Edge, Hash, TILE_WIDTH, Tile, TileId, event_hash},
    },
};
use serde::Serialize;

use super::{
    copies::Copy,
    note::{self, VerificationKey},
};

/// Findings that are told; more are counted.
pub const MAX_FINDINGS: usize = 100;
/// Events read at a time.
const PAGE: u64 = 500;
/// Heads read at a time.
const HEADS: usize = 1_000;

/// What was found where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// First position that it is about; 0: none in particular.
    pub from: u64,
    /// Last position that it is about.
    pub to: u64,
    /// What is wrong.
    pub detail: String,
}

/// What a check came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Where the log ends.
    pub log_ends: u64,
    /// Events that the newest head covers: the others are not sealed yet.
    pub sealed: u64,
    /// Heads in the database.
    pub heads: u64,
    /// Copies elsewhere.
    pub copies: u64,
    /// Findings altogether.
    pub found: u64,
    /// The first of them.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.found == 0
    }

    fn add(&mut self, from: u64, to: u64, detail: String) {
        self.found += 1;
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(Finding { from, to, detail });
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, count) in [
            ("events", self.log_ends),
            ("sealed", self.sealed),
            ("heads", self.heads),
            ("copies", self.copies),
        ] {
            writeln!(f, "{what:<10} {count:>12}")?;
        }
        for Finding { from, to, detail } in &self.findings {
            match (from, to) {
                (0, _) => writeln!(f, "{detail}")?,
                (from, to) if from == to => writeln!(f, "position {from}: {detail}")?,
                (from, to) => writeln!(f, "positions {from} to {to}: {detail}")?,
            }
        }
        let told = u64::try_from(self.findings.len()).unwrap_or(u64::MAX);
        if self.found > told {
            writeln!(f, "and {} more", self.found - told)?;
        }
        f.write_str(if self.is_clean() {
            "every sealed event is what was sealed"
        } else {
            "the log is NOT what was sealed"
        })
    }
}

/// A head that the log must lead to, and where it was found.
#[derive(Debug, Clone, Copy)]
struct Expected {
    root: Hash,
    stored: bool,
}

/// Checks the log against its seals and their `copies`. `progress` is told how many events of how many were hashed.
///
/// # Errors
/// What kept it from being checked.
pub async fn check(
    log: &dyn EventLog,
    seals: &dyn Seals,
    keys: &[VerificationKey],
    copies: &[Copy],
    progress: impl Fn(u64, u64),
) -> Result<Report, LogError> {
    let mut report = Report::default();
    let heads = expected(seals, keys, copies, &mut report).await?;
    report.log_ends = log.head().await?.position.0;
    report.sealed = heads.keys().next_back().copied().unwrap_or_default();
    let mut run = Run {
        log,
        seals,
        tile: (u64::MAX, Tile::new()),
        ahead: BTreeMap::new(),
        fresh: Edge::default(),
        stored: Edge::default(),
        differing: Vec::new(),
        differ: 0,
        whole: true,
        settled: 0,
    };
    for (size, head) in heads {
        while run.fresh.size() < size {
            run.next(size).await?;
            progress(run.fresh.size(), report.sealed);
        }
        run.compare(size, head, &mut report);
    }
    let sealed = report.sealed.min(report.log_ends);
    let count = seals.count_events(sealed).await?;
    if count > sealed {
        let detail = format!(
            "{} events stand at positions before the first one",
            count - sealed
        );
        report.add(0, 0, detail);
    }
    Ok(report)
}

/// The heads that the log must lead to, by size. Those that are not signed are findings; so is one whose copy says otherwise.
async fn expected(
    seals: &dyn Seals,
    keys: &[VerificationKey],
    copies: &[Copy],
    report: &mut Report,
) -> Result<BTreeMap<u64, Expected>, LogError> {
    let mut heads: BTreeMap<u64, Expected> = BTreeMap::new();
    let mut after = 0;
    loop {
        let page = seals.heads(after, HEADS).await?;
        let Some(last) = page.last() else { break };
        after = last.size;
        for head in page {
            report.heads += 1;
            match note::open(&head.note, keys) {
                Ok(signed) if (signed.size, signed.root) == (head.size, head.root) => {
                    let (root, stored) = (head.root, true);
                    heads.insert(head.size, Expected { root, stored });
                }
                Ok(_) => {
                    let detail = "the stored head is not what its note says".to_owned();
                    report.add(head.size, head.size, detail);
                }
                Err(error) => report.add(head.size, head.size, format!("the stored head: {error}")),
            }
        }
    }
    for copy in copies {
        report.copies += 1;
        let signed = match note::open(&copy.note, keys) {
            Ok(signed) => signed,
            Err(error) => {
                report.add(copy.size, copy.size, format!("a head's copy: {error}"));
                continue;
            }
        };
        let (root, size) = (signed.root, signed.size);
        match heads.get(&size) {
            Some(head) if head.root == root => {}
            Some(_) => {
                let detail = "two heads are signed of the same number of events, and differ";
                report.add(size, size, detail.to_owned());
            }
            None => {
                let stored = false;
                heads.insert(size, Expected { root, stored });
                let detail = "the head is not in the database, but its copy is signed";
                report.add(size, size, detail.to_owned());
            }
        }
    }
    Ok(heads)
}

/// A walk through the log.
struct Run<'a> {
    log: &'a dyn EventLog,
    seals: &'a dyn Seals,
    /// The tile of leaves that was read last, and its place.
    tile: (u64, Tile),
    /// Events that were read and not hashed yet, by position.
    ahead: BTreeMap<u64, Leaf>,
    /// The tree of the events; where there is none, of the stored hash.
    fresh: Edge,
    /// The tree of the stored hashes; where there is none, of the event's.
    stored: Edge,
    /// Leaves since the last head that differ: position, and how.
    differing: Vec<(u64, &'static str)>,
    /// How many they are.
    differ: u64,
    /// Whether the last head was reached.
    whole: bool,
    /// The size of the last head that was reached.
    settled: u64,
}

/// What stands at a position.
#[derive(Debug, Clone, Copy)]
enum Leaf {
    Hashed(Hash),
    Unreadable,
}

impl Run<'_> {
    /// Hashes the next page of events, not beyond `end`.
    async fn next(&mut self, end: u64) -> Result<(), LogError> {
        let from = self.fresh.size();
        let end = end.min(from + PAGE);
        self.read(from, end).await?;
        for index in from..end {
            let leaf = self.ahead.remove(&(index + 1));
            let sealed = self.sealed_leaf(index).await?;
            let (fresh, differs) = match (leaf, sealed) {
                (Some(Leaf::Hashed(leaf)), Some(sealed)) if leaf == sealed => (leaf, None),
                (Some(Leaf::Hashed(leaf)), Some(_)) => {
                    (leaf, Some("the event is not the one that was sealed"))
                }
                (Some(Leaf::Hashed(leaf)), None) => {
                    (leaf, Some("the event's hash is not in the tree"))
                }
                (Some(Leaf::Unreadable), _) => ([0; 32], Some("the event can't be read any more")),
                (None, _) => ([0; 32], Some("the event that was sealed is missing")),
            };
            if let Some(how) = differs {
                self.differ += 1;
                if self.differing.len() < MAX_FINDINGS {
                    self.differing.push((index + 1, how));
                }
            }
            self.fresh.push(fresh);
            self.stored.push(sealed.unwrap_or(fresh));
        }
        // What they would store is not kept: this only looks.
        self.fresh.take_changed();
        self.stored.take_changed();
        Ok(())
    }

    /// Reads the events of positions behind `from`, up to `end`; one by one where a page can't be read.
    async fn read(&mut self, from: u64, end: u64) -> Result<(), LogError> {
        let limit = usize::try_from(end - from).unwrap_or(usize::MAX);
        match self.log.read_all(Position(from), limit).await {
            Ok(events) => {
                self.take(&events, end);
                return Ok(());
            }
            Err(LogError::Corrupt(_)) => {}
            Err(error) => return Err(error),
        }
        for before in from..end {
            match self.log.read_all(Position(before), 1).await {
                Ok(events) => self.take(&events, before + 1),
                Err(LogError::Corrupt(_)) => {
                    // Whether it stands here or further on: what is behind a hole is told of where it is.
                    self.ahead.insert(before + 1, Leaf::Unreadable);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn take(&mut self, events: &[RecordedEvent], end: u64) {
        for event in events {
            let position = event.position.0;
            if position <= end {
                let hash = event_hash(event);
                self.ahead.insert(position, Leaf::Hashed(hash));
            }
        }
    }

    async fn sealed_leaf(&mut self, index: u64) -> Result<Option<Hash>, LogError> {
        let place = index / TILE_WIDTH;
        if self.tile.0 != place {
            let id = TileId {
                level: 0,
                index: place,
            };
            let tile = match self.seals.tiles(&[id]).await {
                Ok(mut tiles) => tiles.remove(&id).unwrap_or_default(),
                Err(LogError::Corrupt(_)) => Tile::new(),
                Err(error) => return Err(error),
            };
            self.tile = (place, tile);
        }
        let inside = usize::try_from(index % TILE_WIDTH).unwrap_or(usize::MAX);
        Ok(self.tile.1.get(inside).copied())
    }

    /// Compares both trees with a head, and says what the leaves that differ come to.
    fn compare(&mut self, size: u64, head: Expected, report: &mut Report) {
        let reached = self.fresh.root() == head.root;
        let sealed = self.stored.root() == head.root;
        let after = self.settled + 1;
        if reached {
            if self.differ > 0 {
                let detail = format!(
                    "{} stored hashes of the tree were changed; the events are those that were sealed",
                    self.differ
                );
                report.add(after, size, detail);
            }
        } else {
            let certain = if sealed {
                ""
            } else {
                " (or its stored hash was changed)"
            };
            for (position, how) in &self.differing {
                report.add(*position, *position, format!("{how}{certain}"));
            }
            report.found += self.differ - self.differing.len() as u64;
            if !sealed && self.whole {
                let from = if head.stored {
                    "the head"
                } else {
                    "the copy of a head"
                };
                let detail = format!(
                    "the events don't lead to {from} that was signed of {size} events, and neither do the stored hashes: \
                     something was changed among them"
                );
                report.add(after, size, detail);
            }
        }
        // The next head is judged by what this one proves.
        self.whole = reached || sealed;
        if reached {
            self.stored = self.fresh.clone();
        } else if sealed {
            self.fresh = self.stored.clone();
        }
        if self.whole {
            self.settled = size;
        }
        self.differing.clear();
        self.differ = 0;
    }
}
