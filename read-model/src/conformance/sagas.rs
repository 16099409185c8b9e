//! Sagas, found and counted.

use std::collections::BTreeMap;

use domain::ids::ShowId;

use super::{
    holds,
    pages::{same, walk},
    sample::{self, id},
    works,
};
use crate::{
    ReadModel, Rows, SagaFilter, SagaStand, Write,
    tables::{Saga, SagaState},
};

/// Sagas are found by show, by state, and by how long they have stood in a state that they should leave; they are counted alike.
///
/// # Errors
/// What was found wrong.
pub async fn sagas_are_found_and_counted(model: &dyn ReadModel) -> Result<(), String> {
    let mut rows = Rows::default();
    for (n, state) in (1..=24).zip(SagaState::ALL.into_iter().cycle()) {
        // The oldest came last: neither key nor position tells for how long a saga has stood where it stands.
        let saga = Saga {
            show_id: id(1 + n % 2),
            since: sample::at(100 - n),
            ..sample::saga(n, state)
        };
        rows.sagas.insert(id(n), saga);
    }
    let write = Write {
        rows: rows.clone(),
        ..Write::default()
    };
    works(model.write(&write).await)?;
    let shows: [Option<ShowId>; 4] = [None, Some(id(1)), Some(id(2)), Some(id(3))];
    for show in shows {
        for since in [0, 80, 90, 200] {
            check(model, &rows, show, since).await?;
        }
    }
    Ok(())
}

/// Compares with what the rows themselves say: sagas of `show`, stuck since the second `since`.
async fn check(
    model: &dyn ReadModel,
    rows: &Rows,
    show: Option<ShowId>,
    since: u64,
) -> Result<(), String> {
    let since = sample::at(since);
    let of_show = |saga: &&Saga| show.is_none_or(|show| saga.show_id == show);
    let is_stuck = |saga: &&Saga| !saga.state.has_ended() && saga.since <= since;
    let mut stands = vec![SagaStand::Any, SagaStand::StuckSince(since)];
    stands.extend(SagaState::ALL.map(SagaStand::In));
    for stand in stands {
        let wanted = |saga: &&Saga| match stand {
            SagaStand::Any => true,
            SagaStand::In(state) => saga.state == state,
            SagaStand::StuckSince(_) => is_stuck(saga),
        };
        let all = rows.sagas.values().filter(of_show).filter(wanted);
        let expected: Vec<_> = all.cloned().collect();
        let filter = SagaFilter {
            show_id: show,
            stand,
        };
        for limit in [2, 50] {
            let found = walk(limit, async |page| model.sagas(&filter, &page).await).await?;
            same(&format!("sagas of {filter:?}"), &found, &expected)?;
        }
    }
    let counted = works(model.saga_counts(show, since).await)?.value;
    let own = || rows.sagas.values().filter(of_show);
    let mut by_state: BTreeMap<SagaState, u64> = BTreeMap::new();
    for saga in own() {
        *by_state.entry(saga.state).or_default() += 1;
    }
    let stuck = own().filter(is_stuck).count() as u64;
    holds(
        counted.by_state == by_state && counted.stuck == stuck,
        || format!("of {show:?} since {since}: {counted:?}, not {by_state:?} and {stuck} stuck"),
    )
}
