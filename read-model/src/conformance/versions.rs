//! Versions side by side.

use super::{
    holds,
    sample::{self, checkpoint, id},
    works,
    writes::keys,
};
use crate::{
    Checkpoint, Error, Page, ProjectionId, ReadModel, Rows, Table, Version, VersionState, Versions,
    Write, tables::Account,
};

const POINTS: ProjectionId = ProjectionId::Points;

/// A write of one account to one version of its projection, from one position to another.
fn write(version: u32, account: Account, from: u64, to: u64) -> Write {
    let at = |position| Checkpoint {
        version,
        ..checkpoint(POINTS, position)
    };
    let mut rows = Rows::default();
    rows.accounts.insert(account.customer_id, account);
    Write {
        versions: Versions::default().with(POINTS, version),
        rows,
        advance: vec![(at(from), at(to))],
        ..Write::default()
    }
}

async fn account_at(model: &dyn ReadModel) -> Result<(u64, Option<u64>), String> {
    let found = works(model.account(id(11)).await)?;
    Ok((found.position, found.value.map(|account| account.position)))
}

/// A store with an account at 5 in the live version, and at 9 in a second one.
async fn two_versions(model: &dyn ReadModel) -> Result<u32, String> {
    works(model.write(&write(1, sample::account(11, 5), 0, 5)).await)?;
    let second = works(model.begin_version(POINTS).await)?;
    let building = write(second, sample::account(11, 9), 0, 9);
    works(model.write(&building).await)?;
    Ok(second)
}

async fn states(model: &dyn ReadModel) -> Result<Vec<(u32, VersionState)>, String> {
    let versions = works(model.versions().await)?;
    let own = versions.iter().filter(|v| v.projection == POINTS);
    Ok(own.map(|v| (v.version, v.state)).collect())
}

/// Each projection has version 1, live, from the beginning. What is written to another version is in that one alone, under the same
/// keys as well: its rows, its checkpoints, its dump.
///
/// # Errors
/// What was found wrong.
pub async fn writes_to_a_version_are_in_no_other(model: &dyn ReadModel) -> Result<(), String> {
    let identity = works(model.identity().await)?;
    holds(!identity.is_empty(), || "a store without a name".to_owned())?;
    let first = |projection: ProjectionId| Version {
        projection,
        version: 1,
        fold: projection.fold(),
        state: VersionState::Live,
    };
    let mut expected = ProjectionId::ALL.map(first);
    expected.sort_by_key(|version| version.projection.name());
    let begun = works(model.versions().await)?;
    holds(begun == expected, || {
        format!("a new store has the versions {begun:?}")
    })?;
    let second = two_versions(model).await?;
    holds(second == 2, || format!("version {second} came behind 1"))?;
    let mut all = Versions::default();
    for (version, position) in [(1, 5), (second, 9)] {
        all.set(POINTS, version);
        let account = sample::account(11, position);
        let mut rows = Rows::default();
        rows.accounts.insert(id(11), account);
        let loaded = works(model.load(&all, &keys(&rows)).await)?;
        holds(loaded == rows, || {
            format!("version {version} has {loaded:?}, not {rows:?}")
        })?;
        let expected = Checkpoint {
            version,
            ..checkpoint(POINTS, position)
        };
        let stands = works(model.checkpoints(Some(&all)).await)?;
        holds(stands == [expected.clone()], || {
            format!("version {version} stands at {stands:?}, not {expected:?}")
        })?;
        let mut snapshot = works(model.snapshot(Some(&all)).await)?;
        let dumped = works(snapshot.page(Table::Accounts, None, 10).await)?;
        let written = works(rows.documents(Table::Accounts))?;
        holds(
            dumped == written
                && snapshot.checkpoints() == [expected]
                && *snapshot.versions() == all,
            || format!("a snapshot of version {version} shows {dumped:?}"),
        )?;
    }
    let absent = write(7, sample::account(11, 5), 0, 5);
    let answer = model.write(&absent).await;
    holds(
        matches!(&answer, Err(Error::NoVersion { projection, version: 7 }) if projection == POINTS.name()),
        || format!("a write to a version that is not there was answered with {answer:?}"),
    )
}

/// Readers see the live version: row and position change together when another one becomes live, back as well as forth.
///
/// # Errors
/// What was found wrong.
pub async fn a_swap_changes_rows_and_positions_at_once(
    model: &dyn ReadModel,
) -> Result<(), String> {
    let second = two_versions(model).await?;
    for (version, instead_of, position) in [(second, 1, 9), (1, second, 5)] {
        let before = account_at(model).await?;
        holds(before == (14 - position, Some(14 - position)), || {
            format!("before a swap readers see {before:?}")
        })?;
        let page = Page::default();
        works(model.swap(POINTS, version, instead_of).await)?;
        let after = account_at(model).await?;
        holds(after == (position, Some(position)), || {
            format!("after a swap to {position} readers see {after:?}")
        })?;
        let listed = works(model.transactions_of(id(11), &page).await)?.position;
        let live = works(model.checkpoints(None).await)?;
        let stands = Checkpoint::position_of(POINTS, &live);
        let dumped = works(model.snapshot(None).await)?;
        let dumped = Checkpoint::position_of(POINTS, dumped.checkpoints());
        holds([listed, stands, dumped] == [position; 3], || {
            format!(
                "after a swap to {position} a list is at {listed}, checkpoints at {stands}, a snapshot at {dumped}"
            )
        })?;
    }
    let states = states(model).await?;
    let expected = [(1, VersionState::Live), (second, VersionState::Retired)];
    holds(states == expected, || format!("versions are {states:?}"))
}

/// A swap names the version that it takes the place of: where that is not live, nothing is swapped. So of two swaps one wins.
///
/// # Errors
/// What was found wrong.
pub async fn a_swap_is_refused_where_another_came_first(
    model: &dyn ReadModel,
) -> Result<(), String> {
    let second = two_versions(model).await?;
    let third = works(model.begin_version(POINTS).await)?;
    let (a, b) = tokio::join!(model.swap(POINTS, second, 1), model.swap(POINTS, third, 1));
    holds(a.is_ok() != b.is_ok(), || {
        format!("of two swaps from one version, not exactly one won: {a:?}, {b:?}")
    })?;
    let live = if a.is_ok() { second } else { third };
    let answer = model.swap(POINTS, second + third - live, 1).await;
    holds(
        matches!(&answer, Err(Error::NotLive { version: 1, .. })),
        || format!("a swap with a version that is not live was answered with {answer:?}"),
    )?;
    for absent in [99, live] {
        let answer = model.swap(POINTS, absent, live).await;
        holds(
            matches!(&answer, Err(Error::NoVersion { version, .. }) if *version == absent),
            || format!("a swap to {absent} was answered with {answer:?}"),
        )?;
    }
    let live_ones = states(model).await?;
    let live_ones: Vec<_> = live_ones
        .into_iter()
        .filter(|(_, state)| *state == VersionState::Live)
        .collect();
    holds(live_ones == [(live, VersionState::Live)], || {
        format!("live are {live_ones:?}, not {live} alone")
    })
}

/// A version that is dropped leaves neither rows nor checkpoints and takes no writes; its number is not used again. The live one can't
/// be dropped.
///
/// # Errors
/// What was found wrong.
pub async fn dropped_versions_leave_nothing(model: &dyn ReadModel) -> Result<(), String> {
    let second = two_versions(model).await?;
    let answer = model.drop_version(POINTS, 1).await;
    holds(
        matches!(&answer, Err(Error::Live { version: 1, .. })),
        || format!("dropping the live version was answered with {answer:?}"),
    )?;
    works(model.drop_version(POINTS, second).await)?;
    let versions = Versions::default().with(POINTS, second);
    let mut rows = Rows::default();
    rows.accounts.insert(id(11), sample::account(11, 9));
    let left = works(model.load(&versions, &keys(&rows)).await)?;
    let stands = works(model.checkpoints(Some(&versions)).await)?;
    holds(left.is_empty() && stands.is_empty(), || {
        format!("a dropped version left {left:?} and {stands:?}")
    })?;
    for late in [model.drop_version(POINTS, second).await, {
        let late = write(second, sample::account(11, 9), 0, 9);
        model.write(&late).await
    }] {
        holds(matches!(&late, Err(Error::NoVersion { .. })), || {
            format!("a dropped version answered {late:?}")
        })?;
    }
    let next = works(model.begin_version(POINTS).await)?;
    holds(next > second, || format!("number {next} was used again"))?;
    let seen = account_at(model).await?;
    holds(seen == (5, Some(5)), || {
        format!("after another version was dropped, readers see {seen:?}")
    })
}
