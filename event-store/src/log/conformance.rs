//! What every adapter of the event log has to keep: one function per promise of the port. Each takes an empty log and answers what
//! was not kept.
//!
//! An adapter's tests run [`all`], each on a log of its own:
//!
//! ```text
//! for check in conformance::all() {
//!     check.run(new_log().await).await.unwrap();
//! }
//! ```

pub mod bytes;
pub mod claims;
pub mod commands;
pub mod conflicts;
pub mod listing;
pub mod order;
pub mod reading;
pub mod sample;
pub mod snapshots;
pub mod timers;
pub mod visibility;

use std::{fmt, sync::Arc, time::Duration};

use futures::future::BoxFuture;

use crate::log::{Append, EventLog, Outcome, Position};

/// What was not kept, in words.
pub type Broken = String;

/// A log to be checked: it must be empty.
pub type Log = Arc<dyn EventLog>;

/// How long a check waits for what must come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Rows listed at a time: fewer than there are, and not a divisor of it.
const PAGE: usize = 3;

/// One promise of the port.
#[derive(Clone, Copy)]
pub struct Check {
    /// Its name: the function's.
    pub name: &'static str,
    function: fn(Log) -> BoxFuture<'static, Result<(), Broken>>,
}

impl Check {
    /// Checks the promise on an empty log.
    ///
    /// # Errors
    /// What was not kept.
    pub async fn run(&self, log: Log) -> Result<(), Broken> {
        (self.function)(log).await
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! checks {
    ($($module:ident::$name:ident),* $(,)?) => {
        vec![$(Check {
            name: stringify!($name),
            function: |log| Box::pin(async move { $module::$name(&*log).await }),
        }),*]
    };
}

/// Every promise.
pub fn all() -> Vec<Check> {
    checks![
        order::positions_are_dense,
        order::an_append_stands_together,
        order::sequences_are_dense,
        order::a_reader_never_steps_over_an_event,
        order::events_name_shard_and_epoch,
        conflicts::a_stream_beyond_the_expected_version_refuses,
        conflicts::a_stream_before_the_expected_version_refuses,
        conflicts::guarded_streams_are_checked,
        conflicts::an_append_is_all_or_nothing,
        conflicts::a_conflict_stays_alone_in_its_batch,
        conflicts::what_is_invalid_stores_nothing,
        claims::a_claim_has_one_holder,
        claims::taking_what_one_holds_changes_nothing,
        claims::claims_are_released_and_taken_again,
        claims::only_the_holder_releases,
        claims::claims_change_in_order,
        commands::commands_are_known,
        commands::a_stream_is_confirmed_with_its_commands,
        commands::known_outranks_taken_outranks_conflict,
        commands::pruned_commands_are_told_from_new_ones,
        commands::commands_without_fingerprint_are_kept,
        timers::timers_come_due_on_time,
        timers::timers_are_kept_set_and_cleared,
        timers::the_next_timer_is_known,
        bytes::payloads_come_back_byte_for_byte,
        bytes::metadata_comes_back_byte_for_byte,
        bytes::times_are_kept_to_the_microsecond,
        visibility::what_is_committed_is_seen,
        visibility::head_changes_tell_of_commits,
        visibility::head_changes_are_never_early,
        visibility::a_follower_misses_and_repeats_nothing,
        visibility::a_dropped_append_is_whole_or_absent,
        reading::reads_keep_to_their_limits,
        reading::streams_are_told_apart,
        reading::stream_heads_answer_in_order,
        reading::what_names_something_is_read,
        reading::what_belongs_together_is_read,
        listing::stream_heads_are_listed_once_in_order,
        listing::claims_are_listed_once_in_order,
        listing::commands_are_listed_once_in_order,
        snapshots::snapshots_are_kept_by_schema,
        snapshots::a_shorter_fold_never_replaces_a_longer,
    ]
}

/// Fails with words unless a condition holds.
macro_rules! ensure {
    ($condition:expr, $($words:tt)+) => {
        if !$condition {
            return Err(format!($($words)+));
        }
    };
}

/// Fails with words unless two values are equal.
macro_rules! ensure_eq {
    ($left:expr, $right:expr, $($words:tt)+) => {{
        match (&$left, &$right) {
            (left, right) if left != right => {
                return Err(format!("{}: {left:?} instead of {right:?}", format_args!($($words)+)));
            }
            _ => {}
        }
    }};
}

use {ensure, ensure_eq};

/// Appends one alone.
async fn append(log: &dyn EventLog, append: Append) -> Result<Outcome, Broken> {
    let outcomes = log.append(vec![append]).await.map_err(|e| e.to_string())?;
    ensure_eq!(outcomes.len(), 1, "outcomes of one append");
    outcomes
        .into_iter()
        .next()
        .ok_or_else(|| "no outcome".to_owned())
}

/// Appends one alone that must be stored; answers where.
async fn store(log: &dyn EventLog, draft: Append) -> Result<(Position, Position), Broken> {
    match append(log, draft).await? {
        Outcome::Committed { first, last } => Ok((first, last)),
        refused => Err(format!("refused without reason: {refused:?}")),
    }
}

async fn head(log: &dyn EventLog) -> Result<u64, Broken> {
    let head = log.head().await.map_err(|e| e.to_string())?;
    Ok(head.position.0)
}
