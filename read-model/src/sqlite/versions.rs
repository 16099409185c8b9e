//! Versions and parked events.

use sqlx::{SqliteExecutor, SqlitePool};

use super::{failed, json, statements};
use crate::{
    Error, Parked, ParkedKey, ProjectionId, Version, VersionState,
    reading::{instant, restored},
};

/// Gives each projection that has no version its first one.
pub(super) async fn begin_first(writer: &SqlitePool) -> Result<(), Error> {
    let folds = ProjectionId::ALL.map(|projection| (projection.name(), projection.fold()));
    sqlx::query(statements::INSERT_FIRST_VERSIONS)
        .bind(json(&folds)?)
        .execute(writer)
        .await
        .map_err(failed)?;
    Ok(())
}

/// All versions. Those of projections that this program does not know are a newer one's business.
pub(super) async fn versions(executor: impl SqliteExecutor<'_>) -> Result<Vec<Version>, Error> {
    let rows: Vec<(String, u32, u32, String)> = sqlx::query_as(statements::SELECT_VERSIONS)
        .fetch_all(executor)
        .await
        .map_err(failed)?;
    let known = |(projection, version, fold, state): (String, u32, u32, String)| {
        Some(Version {
            projection: ProjectionId::from_name(&projection)?,
            version,
            fold,
            state: VersionState::from_name(&state)?,
        })
    };
    Ok(rows.into_iter().filter_map(known).collect())
}

pub(super) async fn begin(writer: &SqlitePool, projection: ProjectionId) -> Result<u32, Error> {
    sqlx::query_scalar(statements::INSERT_VERSION)
        .bind(projection.name())
        .bind(projection.fold())
        .fetch_one(writer)
        .await
        .map_err(failed)
}

pub(super) async fn swap(
    writer: &SqlitePool,
    projection: ProjectionId,
    version: u32,
    instead_of: u32,
) -> Result<(), Error> {
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    if !change(&mut *tx, statements::RETIRE_VERSION, projection, instead_of).await? {
        let projection = projection.name().to_owned();
        return Err(Error::NotLive {
            projection,
            version: instead_of,
        });
    }
    let beside = version != instead_of;
    if !beside || !change(&mut *tx, statements::PROMOTE_VERSION, projection, version).await? {
        return Err(absent(projection, version));
    }
    tx.commit().await.map_err(failed)
}

pub(super) async fn drop_version(
    writer: &SqlitePool,
    projection: ProjectionId,
    version: u32,
) -> Result<(), Error> {
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    if !change(&mut *tx, statements::DROP_VERSION, projection, version).await? {
        let there = versions(&mut *tx).await?;
        let stays = |v: &Version| (v.projection, v.version) == (projection, version);
        return Err(if there.iter().any(stays) {
            let projection = projection.name().to_owned();
            Error::Live {
                projection,
                version,
            }
        } else {
            absent(projection, version)
        });
    }
    for statement in [statements::DELETE_CHECKPOINTS, statements::DELETE_PARKED] {
        change(&mut *tx, statement, projection, version).await?;
    }
    for statement in statements::deletes(projection) {
        sqlx::query(statement)
            .bind(version)
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
    }
    tx.commit().await.map_err(failed)
}

/// Whether `statement` changed anything.
async fn change(
    executor: impl SqliteExecutor<'_>,
    statement: &'static str,
    projection: ProjectionId,
    version: u32,
) -> Result<bool, Error> {
    let changed = sqlx::query(statement)
        .bind(projection.name())
        .bind(version)
        .execute(executor)
        .await
        .map_err(failed)?;
    Ok(changed.rows_affected() > 0)
}

fn absent(projection: ProjectionId, version: u32) -> Error {
    let projection = projection.name().to_owned();
    Error::NoVersion {
        projection,
        version,
    }
}

type ParkedRow = (String, u32, String, u32, i64, String, String, i64);

pub(super) async fn parked(
    pool: &SqlitePool,
    projection: Option<ProjectionId>,
) -> Result<Vec<Parked>, Error> {
    let rows: Vec<ParkedRow> = sqlx::query_as(statements::SELECT_PARKED)
        .bind(projection.map(ProjectionId::name))
        .fetch_all(pool)
        .await
        .map_err(failed)?;
    rows.into_iter()
        .filter_map(|row| Some((ProjectionId::from_name(&row.0)?, row)))
        .map(
            |(projection, (_, version, key, partition, position, event, reason, at))| {
                Ok(Parked {
                    projection,
                    version,
                    key,
                    partition,
                    position: restored(position)?,
                    event,
                    reason,
                    parked_at: instant(at)?,
                })
            },
        )
        .collect()
}

type ParkedKeyRow = (String, u32, String, u32, i64, String, i64, i64);

pub(super) async fn parked_keys(pool: &SqlitePool) -> Result<Vec<ParkedKey>, Error> {
    let rows: Vec<ParkedKeyRow> = sqlx::query_as(statements::SELECT_PARKED_KEYS)
        .fetch_all(pool)
        .await
        .map_err(failed)?;
    rows.into_iter()
        .filter_map(|row| Some((ProjectionId::from_name(&row.0)?, row)))
        .map(
            |(projection, (_, version, key, partition, position, reason, at, events))| {
                Ok(ParkedKey {
                    projection,
                    version,
                    key,
                    partition,
                    position: restored(position)?,
                    reason,
                    parked_at: instant(at)?,
                    events: restored(events)?,
                })
            },
        )
        .collect()
}
