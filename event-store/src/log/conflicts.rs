//! Which appends of a batch can't be stored, and why: the one place of the port's precedence. Adapters read what the log holds of what a
//! batch touches, and ask here.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::{
    claims::ClaimChange,
    commands::KnownCommand,
    log::{Append, Error, Outcome, Position, StreamId},
};

/// Claims by pair.
pub(super) type Holders = HashMap<(String, String), StreamId>;

/// A row of the claims' statements: the pair and the stream.
pub(super) type ClaimRow<'a> = (&'a str, &'a str, &'a str, &'a str);

/// The claims that appends release and set. With `holders` they are the net effect on what is held now; without, each pair changes
/// once at most ([`repeats_a_claim`]).
pub(super) fn claim_rows<'a>(
    appends: &[&'a Append],
    holders: Option<&'a Holders>,
) -> (Vec<ClaimRow<'a>>, Vec<ClaimRow<'a>>) {
    let row = |(namespace, key): (&'a str, &'a str), stream: &'a StreamId| {
        let (kind, id) = (&*stream.aggregate_type, &*stream.aggregate_id);
        (namespace, key, kind, id)
    };
    let changes = appends.iter().flat_map(|append| &append.claims);
    let (mut releases, mut sets) = (Vec::new(), Vec::new());
    let Some(holders) = holders else {
        for change in changes {
            match change {
                ClaimChange::Set { stream, .. } => sets.push(row(change.pair(), stream)),
                ClaimChange::Release { stream, .. } => releases.push(row(change.pair(), stream)),
            }
        }
        return (releases, sets);
    };
    let mut net: HashMap<(&str, &str), [Option<&StreamId>; 2]> = HashMap::new();
    for change in changes {
        let (namespace, key) = change.pair();
        let held = || holders.get(&(namespace.to_owned(), key.to_owned()));
        let [_, now] = net
            .entry((namespace, key))
            .or_insert_with(|| [held(), held()]);
        *now = apply(*now, change);
    }
    for (pair, [before, after]) in net {
        if before == after {
            continue;
        }
        releases.extend(before.map(|stream| row(pair, stream)));
        sets.extend(after.map(|stream| row(pair, stream)));
    }
    (releases, sets)
}

/// Who holds a pair after a change that is not refused.
fn apply<'a>(holder: Option<&'a StreamId>, change: &'a ClaimChange) -> Option<&'a StreamId> {
    match change {
        ClaimChange::Set { stream, .. } => Some(stream),
        ClaimChange::Release { stream, .. } if holder == Some(stream) => None,
        ClaimChange::Release { .. } => holder,
    }
}

/// Whether an append changes one pair more than once, so that only its net effect can be written as rows.
pub(super) fn repeats_a_claim(append: &Append) -> bool {
    let mut seen = HashSet::new();
    append.claims.iter().any(|c| !seen.insert(c.pair()))
}

/// What the log holds of what a batch touches, of one instant.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) commands: HashMap<Uuid, KnownCommand>,
    /// Events by id: their command and position.
    pub(super) events: HashMap<Uuid, (Uuid, Position)>,
    pub(super) holders: Holders,
    pub(super) versions: HashMap<StreamId, u64>,
}

impl Found {
    /// Why an append can't be stored, in the port's precedence.
    pub(super) fn conflict(&self, append: &Append) -> Option<Outcome> {
        self.known(append)
            .or_else(|| self.pruned(append))
            .or_else(|| self.taken(append))
            .or_else(|| self.misplaced(append))
    }

    fn known(&self, append: &Append) -> Option<Outcome> {
        let mut commands = append.commands.iter();
        let known = commands.find_map(|c| self.commands.get(&c.command_id))?;
        Some(Outcome::Known(known.clone()))
    }

    fn pruned(&self, append: &Append) -> Option<Outcome> {
        let mut events = append.streams.iter().flat_map(|s| &s.events);
        let (command_id, _) = events.find_map(|e| self.events.get(&e.event_id))?;
        Some(Outcome::CommandPruned {
            command_id: *command_id,
        })
    }

    fn taken(&self, append: &Append) -> Option<Outcome> {
        let mut now: HashMap<(&str, &str), Option<&StreamId>> = HashMap::new();
        for change in &append.claims {
            let (namespace, key) = change.pair();
            let holder = now
                .entry((namespace, key))
                .or_insert_with(|| self.holders.get(&(namespace.to_owned(), key.to_owned())));
            match (change, *holder) {
                (ClaimChange::Set { stream, .. }, Some(other)) if other != stream => {
                    return Some(Outcome::ClaimTaken {
                        namespace: namespace.to_owned(),
                        key: key.to_owned(),
                        stream: other.clone(),
                    });
                }
                _ => *holder = apply(*holder, change),
            }
        }
        None
    }

    fn misplaced(&self, append: &Append) -> Option<Outcome> {
        append.streams.iter().find_map(|part| {
            let actual = self.versions.get(&part.stream).copied().unwrap_or(0);
            (actual != part.expected_version).then(|| Outcome::VersionConflict {
                stream: part.stream.clone(),
                expected: part.expected_version,
                actual,
            })
        })
    }
}

/// Refuses a batch whose appends touch the same thing: the batch would conflict with itself.
pub(super) fn check_disjoint(appends: &[Append]) -> Result<(), Error> {
    let twice = |what: String| Err(Error::Invalid(format!("the batch touches {what} twice")));
    let (mut streams, mut pairs) = (HashSet::new(), HashMap::new());
    let (mut commands, mut events) = (HashSet::new(), HashSet::new());
    for (i, append) in appends.iter().enumerate() {
        for part in &append.streams {
            if !streams.insert(&part.stream) {
                return twice(part.stream.to_string());
            }
            for event in &part.events {
                if !events.insert(event.event_id) {
                    return twice(format!("event {}", event.event_id));
                }
            }
        }
        for command in &append.commands {
            if !commands.insert(command.command_id) {
                return twice(format!("command {}", command.command_id));
            }
        }
        for (namespace, key) in append.claims.iter().map(ClaimChange::pair) {
            if *pairs.entry((namespace, key)).or_insert(i) != i {
                return twice(format!("claim {namespace}/{key}"));
            }
        }
    }
    Ok(())
}

/// The outcomes of appends that were stored together from `first` on.
pub(super) fn committed<'a>(
    appends: impl IntoIterator<Item = &'a Append>,
    first: Position,
) -> Vec<Outcome> {
    let mut next = first.0;
    let range = |append: &Append| {
        let events: usize = append.streams.iter().map(|s| s.events.len()).sum();
        let first = Position(next);
        next += events as u64;
        Outcome::Committed {
            first,
            last: Position(next - 1),
        }
    };
    appends.into_iter().map(range).collect()
}
