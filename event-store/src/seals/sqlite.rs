//! ADAPTER: the seals in the log's SQLite file, on connections of their own. A seal holds the write lock for a millisecond or two.

use std::path::Path;

use async_trait::async_trait;
use chrono::DateTime;
use sqlx::{Row, SqlitePool, sqlite::SqliteRow};

use super::{Seal, SealedHead, Seals, tile_bytes, to_i64, to_root, to_tile, to_u64};
use crate::{
    log::Error,
    seals::merkle::{TileId, Tiles},
    sqlite_file,
};

/// One sealer, and those who ask for proofs.
const CONNECTIONS: u32 = 4;

/// The seals in an SQLite file.
#[derive(Debug)]
pub struct SqliteSeals {
    pool: SqlitePool,
}

impl SqliteSeals {
    /// Opens the seals in the log `path`, whose schema is up to date.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn open(path: &Path) -> Result<Self, Error> {
        let pool = sqlite_file::pool(sqlite_file::options(path), CONNECTIONS)
            .await
            .map_err(|e| unavailable(&e))?;
        Ok(Self { pool })
    }
}

#[async_trait]
impl Seals for SqliteSeals {
    async fn seal(&self, seal: Seal) -> Result<bool, Error> {
        let store = async {
            let mut transaction = self.pool.begin_with(sqlite_file::BEGIN).await?;
            let moved = sqlx::query(include_str!("../../sql/sqlite/advance_seal.sql"))
                .bind(to_i64(seal.on))
                .bind(to_i64(seal.head.size))
                .execute(&mut *transaction)
                .await?;
            if moved.rows_affected() == 0 {
                transaction.rollback().await?;
                return Ok(false);
            }
            for (id, tile) in &seal.tiles {
                sqlx::query(include_str!("../../sql/sqlite/upsert_seal_tile.sql"))
                    .bind(i64::from(id.level))
                    .bind(to_i64(id.index))
                    .bind(tile_bytes(tile))
                    .execute(&mut *transaction)
                    .await?;
            }
            sqlx::query(include_str!("../../sql/sqlite/insert_seal_head.sql"))
                .bind(to_i64(seal.head.size))
                .bind(seal.head.root.as_slice())
                .bind(&seal.head.note)
                .bind(seal.head.sealed_at.timestamp_micros())
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(true)
        };
        store.await.map_err(|e: sqlx::Error| unavailable(&e))
    }

    async fn newest(&self) -> Result<Option<SealedHead>, Error> {
        let row = sqlx::query(include_str!("../../sql/sqlite/read_newest_seal.sql"))
            .fetch_optional(&self.pool)
            .await
            .map_err(|e| unavailable(&e))?;
        row.as_ref().map(head).transpose()
    }

    async fn heads(&self, after: u64, limit: usize) -> Result<Vec<SealedHead>, Error> {
        let rows = sqlx::query(include_str!("../../sql/sqlite/list_seal_heads.sql"))
            .bind(to_i64(after))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await
            .map_err(|e| unavailable(&e))?;
        rows.iter().map(head).collect()
    }

    async fn tiles(&self, ids: &[TileId]) -> Result<Tiles, Error> {
        let pairs: Vec<_> = ids.iter().map(|id| (id.level, id.index)).collect();
        let json = serde_json::to_string(&pairs).expect("numbers have a JSON form");
        let rows = sqlx::query(include_str!("../../sql/sqlite/read_seal_tiles.sql"))
            .bind(json)
            .fetch_all(&self.pool)
            .await
            .map_err(|e| unavailable(&e))?;
        let tile = |row: &SqliteRow| {
            let id = TileId {
                level: row.try_get(0).map_err(|e| unavailable(&e))?,
                index: to_u64(row.try_get(1).map_err(|e| unavailable(&e))?)?,
            };
            let bytes: &[u8] = row.try_get(2).map_err(|e| unavailable(&e))?;
            Ok((id, to_tile(id, bytes)?))
        };
        rows.iter().map(tile).collect()
    }

    async fn count_events(&self, last: u64) -> Result<u64, Error> {
        let count: i64 = sqlx::query_scalar(include_str!("../../sql/sqlite/count_events.sql"))
            .bind(to_i64(last))
            .fetch_one(&self.pool)
            .await
            .map_err(|e| unavailable(&e))?;
        to_u64(count)
    }
}

fn head(row: &SqliteRow) -> Result<SealedHead, Error> {
    let text = |e: sqlx::Error| unavailable(&e);
    let size = to_u64(row.try_get(0).map_err(text)?)?;
    let micros: i64 = row.try_get(3).map_err(text)?;
    Ok(SealedHead {
        size,
        root: to_root(size, row.try_get(1).map_err(text)?)?,
        note: row.try_get(2).map_err(text)?,
        sealed_at: DateTime::from_timestamp_micros(micros)
            .ok_or_else(|| Error::Corrupt(format!("{micros} where a time is stored")))?,
    })
}

fn unavailable(error: &sqlx::Error) -> Error {
    match error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            Error::Corrupt(error.to_string())
        }
        _ => Error::Unavailable(error.to_string()),
    }
}
