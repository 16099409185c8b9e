//! ADAPTER: the seals in the log's Postgres. A seal is one statement, committed as an append is: it is answered once it is on the
//! synchronous standby, where there is one, and with it every event that it covers.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sqlx::{Row, postgres::PgRow};
use tokio::time::timeout;

use super::{Seal, SealedHead, Seals, tile_bytes, to_i64, to_root, to_tile, to_u64};
use crate::{
    log::{
        Error,
        postgres::{Options, notices::Notices, servers::Servers, sql, unavailable},
    },
    seals::merkle::{TileId, Tiles},
};

/// One sealer, and those who ask for proofs.
const CONNECTIONS: u32 = 4;
/// How long one call may take: a seal is some dozens of tiles of 8 KiB, a proof fewer.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long counting the events may take.
const COUNT_TIMEOUT: Duration = Duration::from_mins(10);

/// The seals in Postgres.
#[derive(Debug)]
pub struct PostgresSeals {
    servers: Arc<Servers>,
}

impl PostgresSeals {
    /// Opens the seals of the log at `url`, which names its servers as [`crate::PostgresEventLog::open`] takes them.
    ///
    /// # Errors
    /// [`Error::Refused`] for a server that can't hold the log, [`Error::Unavailable`].
    pub async fn open(url: &str, options: Options) -> Result<Self, Error> {
        let options = Options {
            read_connections: CONNECTIONS,
            ..options
        };
        let servers = Servers::open(url, options).await?;
        Ok(Self { servers })
    }

    /// Bounds a call; one that fails makes the servers be looked at again.
    async fn call<T>(
        &self,
        limit: Duration,
        call: impl AsyncFnOnce(&sqlx::PgPool) -> Result<T, sqlx::Error>,
    ) -> Result<T, Error> {
        let server = self.servers.current();
        let called = match self.servers.usable() {
            Ok(server) => match timeout(limit, call(&server.pool)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => unavailable(&error),
                Err(_) => {
                    Error::Unavailable(format!("the seals' server did not answer within {limit:?}"))
                }
            },
            Err(error) => error,
        };
        if let Err(error) = self.servers.look_again(server.generation).await {
            tracing::debug!(%error, "no server holds the seals at present");
        }
        Err(called)
    }
}

#[async_trait]
impl Seals for PostgresSeals {
    async fn seal(&self, seal: Seal) -> Result<bool, Error> {
        let levels: Vec<_> = seal.tiles.keys().map(|id| i32::from(id.level)).collect();
        let indices: Vec<_> = seal.tiles.keys().map(|id| to_i64(id.index)).collect();
        let hashes: Vec<_> = seal.tiles.values().map(|tile| tile_bytes(tile)).collect();
        let stored = self.call(CALL_TIMEOUT, async |pool| {
            sqlx::query(sql!("seal_log"))
                .bind(to_i64(seal.on))
                .bind(to_i64(seal.head.size))
                .bind(seal.head.root.as_slice())
                .bind(&seal.head.note)
                .bind(seal.head.sealed_at)
                .bind(levels)
                .bind(indices)
                .bind(hashes)
                .fetch_optional(pool)
                .await
        });
        let (stored, warning) = Notices::new().listen(stored).await;
        match warning {
            None => Ok(stored?.is_some()),
            Some(warning) => Err(Error::Unavailable(format!(
                "the seals' server warned: {warning}"
            ))),
        }
    }

    async fn newest(&self) -> Result<Option<SealedHead>, Error> {
        let row = self.call(CALL_TIMEOUT, async |pool| {
            sqlx::query(sql!("read_newest_seal"))
                .fetch_optional(pool)
                .await
        });
        row.await?.as_ref().map(head).transpose()
    }

    async fn heads(&self, after: u64, limit: usize) -> Result<Vec<SealedHead>, Error> {
        let rows = self.call(CALL_TIMEOUT, async |pool| {
            sqlx::query(sql!("list_seal_heads"))
                .bind(to_i64(after))
                .bind(i64::try_from(limit).unwrap_or(i64::MAX))
                .fetch_all(pool)
                .await
        });
        rows.await?.iter().map(head).collect()
    }

    async fn tiles(&self, ids: &[TileId]) -> Result<Tiles, Error> {
        let levels: Vec<_> = ids.iter().map(|id| i32::from(id.level)).collect();
        let indices: Vec<_> = ids.iter().map(|id| to_i64(id.index)).collect();
        let rows = self.call(CALL_TIMEOUT, async |pool| {
            sqlx::query(sql!("read_seal_tiles"))
                .bind(levels)
                .bind(indices)
                .fetch_all(pool)
                .await
        });
        rows.await?.iter().map(tile).collect()
    }

    async fn count_events(&self, last: u64) -> Result<u64, Error> {
        let count: i64 = self
            .call(COUNT_TIMEOUT, async |pool| {
                sqlx::query_scalar(sql!("count_events"))
                    .bind(to_i64(last))
                    .fetch_one(pool)
                    .await
            })
            .await?;
        to_u64(count)
    }
}

fn tile(row: &PgRow) -> Result<(TileId, Vec<[u8; 32]>), Error> {
    let level: i32 = row.try_get(0).map_err(|e| unavailable(&e))?;
    let id = TileId {
        level: u8::try_from(level)
            .map_err(|_| Error::Corrupt(format!("{level} where a level is stored")))?,
        index: to_u64(row.try_get(1).map_err(|e| unavailable(&e))?)?,
    };
    let bytes: &[u8] = row.try_get(2).map_err(|e| unavailable(&e))?;
    Ok((id, to_tile(id, bytes)?))
}

fn head(row: &PgRow) -> Result<SealedHead, Error> {
    let size = to_u64(row.try_get(0).map_err(|e| unavailable(&e))?)?;
    Ok(SealedHead {
        size,
        root: to_root(size, row.try_get(1).map_err(|e| unavailable(&e))?)?,
        note: row.try_get(2).map_err(|e| unavailable(&e))?,
        sealed_at: row.try_get(3).map_err(|e| unavailable(&e))?,
    })
}
