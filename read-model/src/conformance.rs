//! What every adapter of [`ReadModel`] promises, as functions against the port.
//!
//! Each takes a store of its own, empty, and answers with what it found wrong. A behaviour that is not here is not
//! promised.

#[cfg(test)]
mod faults;
mod pages;
mod parked;
mod sagas;
pub(crate) mod sample;
mod versions;
mod writes;

use std::ops::Deref;

#[cfg(test)]
pub(crate) use self::writes::keys;
pub use self::{
    pages::{lists_are_walked_in_order, shows_are_filtered_and_sorted_by_start},
    parked::{
        a_parked_key_holds_back_its_own_reads, maps_to_follow_name_their_place,
        parked_events_come_and_go_with_rows, parked_keys_tell_of_their_first_event,
        plans_taken_up_late_are_stored,
    },
    sagas::sagas_are_found_and_counted,
    versions::{
        a_swap_changes_rows_and_positions_at_once, a_swap_is_refused_where_another_came_first,
        dropped_versions_leave_nothing, writes_to_a_version_are_in_no_other,
    },
    writes::{
        checkpoints_compare_and_set, reads_carry_their_projections_position,
        refused_writes_leave_nothing, rows_come_back_as_written, snapshots_stand_still,
    },
};
use crate::{Error, ReadModel};

/// Runs all of them on stores made by `fresh`; the first fault, with the name of the function that found it.
///
/// # Errors
/// What was found wrong.
pub async fn all<F, M>(fresh: F) -> Result<(), String>
where
    F: AsyncFn() -> M,
    M: Deref<Target = dyn ReadModel>,
{
    macro_rules! run {
        ($($function:ident),* $(,)?) => {$(
            let model = fresh().await;
            $function(&*model).await.map_err(|fault| format!("{}: {fault}", stringify!($function)))?;
        )*};
    }
    run!(
        rows_come_back_as_written,
        checkpoints_compare_and_set,
        refused_writes_leave_nothing,
        reads_carry_their_projections_position,
        snapshots_stand_still,
        lists_are_walked_in_order,
        shows_are_filtered_and_sorted_by_start,
        sagas_are_found_and_counted,
        writes_to_a_version_are_in_no_other,
        a_swap_changes_rows_and_positions_at_once,
        a_swap_is_refused_where_another_came_first,
        dropped_versions_leave_nothing,
        parked_events_come_and_go_with_rows,
        a_parked_key_holds_back_its_own_reads,
        parked_keys_tell_of_their_first_event,
        plans_taken_up_late_are_stored,
        maps_to_follow_name_their_place,
    );
    Ok(())
}

/// A call that the contract does not let fail.
fn works<T>(result: Result<T, Error>) -> Result<T, String> {
    result.map_err(|error| format!("failed: {error}"))
}

/// What must hold.
fn holds(claim: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if claim { Ok(()) } else { Err(otherwise()) }
}
