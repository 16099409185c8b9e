//! That each conformance function finds the fault it is there for: the SQLite adapter behind a wrapper with just that
//! fault.

mod faulty;

use uuid::Uuid;

use self::faulty::{Fault, Faulty};
use crate::{Access, ReadModel, SqliteReadModel, conformance};

/// What the conformance functions say about the adapter with `fault`.
async fn verdict(fault: Option<Fault>) -> Result<(), String> {
    let folder = std::env::temp_dir().join(format!("read-model-faults-{}", Uuid::now_v7()));
    std::fs::create_dir(&folder).unwrap();
    let verdict = conformance::all(async || {
        let path = folder.join(Uuid::now_v7().to_string());
        let inner = SqliteReadModel::open(path.to_str().unwrap(), Access::ReadWrite);
        Box::new(Faulty::new(inner.await.unwrap(), fault)) as Box<dyn ReadModel>
    })
    .await;
    std::fs::remove_dir_all(&folder).unwrap();
    verdict
}

#[tokio::test]
async fn the_wrapper_alone_is_no_fault() {
    assert_eq!(verdict(None).await, Ok(()));
}

macro_rules! finds {
    ($($name:ident: $function:ident finds $fault:ident;)*) => {$(
        #[tokio::test]
        async fn $name() {
            let found = verdict(Some(Fault::$fault)).await;
            let fault = found.expect_err("the fault went unnoticed");
            assert!(fault.starts_with(concat!(stringify!($function), ":")), "{fault}");
        }
    )*};
}

finds! {
    lost_rows: rows_come_back_as_written finds LosesARow;
    rows_kept_as_they_were: rows_come_back_as_written finds KeepsTheOldRow;
    invented_rows: rows_come_back_as_written finds InventsRows;
    overwritten_checkpoints: checkpoints_compare_and_set finds OverwritesMovedCheckpoints;
    refusals_without_reason: checkpoints_compare_and_set finds RefusesWithoutReason;
    rows_of_refused_writes: refused_writes_leave_nothing finds WritesRowsBeforeComparing;
    positions_too_far: reads_carry_their_projections_position finds AnswersTheFurthestPosition;
    positions_too_old: reads_carry_their_projections_position finds AnswersYesterdaysPosition;
    drifting_snapshots: snapshots_stand_still finds ShowsLaterWritesInSnapshots;
    repeated_rows: lists_are_walked_in_order finds RepeatsTheLastOfAPage;
    lists_cut_short: lists_are_walked_in_order finds EndsListsEarly;
    lists_in_the_wrong_order: lists_are_walked_in_order finds ListsBackwards;
    rows_of_others: lists_are_walked_in_order finds ShowsOthersRows;
    foreign_cursors: lists_are_walked_in_order finds TakesAnyCursor;
    an_ignored_filter: shows_are_filtered_and_sorted_by_start finds IgnoresTheConcert;
    an_inclusive_end: shows_are_filtered_and_sorted_by_start finds IncludesTheEnd;
    mixed_versions: writes_to_a_version_are_in_no_other finds WritesToTheFirstVersion;
    absent_versions: writes_to_a_version_are_in_no_other finds TakesAnyVersion;
    a_swap_of_nothing: a_swap_changes_rows_and_positions_at_once finds SwapsNothing;
    a_swap_of_rows_alone: a_swap_changes_rows_and_positions_at_once finds SwapsRowsAlone;
    a_blind_swap: a_swap_is_refused_where_another_came_first finds SwapsWhateverIsLive;
    a_live_version_dropped: dropped_versions_leave_nothing finds DropsTheLiveVersion;
    a_version_left_behind: dropped_versions_leave_nothing finds DropsNothing;
    lost_parked_events: parked_events_come_and_go_with_rows finds LosesAParkedEvent;
    old_reasons: parked_events_come_and_go_with_rows finds KeepsTheOldReason;
    parked_events_in_the_wrong_order: parked_events_come_and_go_with_rows finds ListsParkedBackwards;
    events_taken_up_twice: parked_events_come_and_go_with_rows finds TakesUpTwice;
    reads_past_parked_events: a_parked_key_holds_back_its_own_reads finds IgnoresParkedEvents;
    others_held_back: a_parked_key_holds_back_its_own_reads finds HoldsBackEverything;
    maps_without_their_place: maps_to_follow_name_their_place finds ForgetsThePlace;
    sagas_that_are_not_stuck: sagas_are_found_and_counted finds MixesUpStuckSagas;
    sagas_of_others: sagas_are_found_and_counted finds CountsOthersSagas;
    late_plans: plans_taken_up_late_are_stored finds ForgetsLatePlans;
}
