//! The key store in a Postgres database of its own: outside the log's backups.
//!
//! What destroying can do here, and what it can't. The row's new version has no key, and its space is vacuumed at once; but Postgres
//! overwrites nothing: until the page is used again the bytes lie in it, and until their segments are recycled they lie in the
//! write-ahead log, on standbys and in archives. So whoever runs this database keeps it small in time as well: its backups and its
//! WAL archive for as long only as an erased customer's data may still be read (30 days, say), its disks encrypted, and
//! `VACUUM FULL` after erasures that can't wait for the page to be used again. A backup that is restored brings keys back: what was
//! erased since stands in the log (`CustomerErased`) and must be destroyed again before the store serves.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::migrate::MigrateError;
use uuid::Uuid;

use super::{Error, KEY_BYTES, Key, KeyStore, MAX_NAME_BYTES};
use crate::postgres::{self, Database};

/// The text of a statement in `sql/postgres`.
macro_rules! sql {
    ($name:literal) => {
        sqlx::query(include_str!(concat!("../../sql/postgres/", $name, ".sql")))
    };
}

/// A key store in a Postgres database.
#[derive(Debug)]
pub struct PostgresKeyStore {
    pub(super) database: Database,
}

impl PostgresKeyStore {
    /// Opens the database at `urls` (of several, separated by commas, the one that takes writes) and brings its schema up to date.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Refused`] where the schema is newer than this program or the server would lose keys.
    pub async fn open(urls: &str) -> Result<Self, Error> {
        let database = Database::open(urls, "frontrow key store").await?;
        sqlx::migrate!("migrations/postgres/key_store")
            .run(database.pool())
            .await
            .map_err(|error| match error {
                MigrateError::VersionMissing(version) => Error::Refused(format!(
                    "the key store has schema {version}, newer than this program's"
                )),
                error => Error::Refused(format!(
                    "the key store can't be brought up to date: {error}"
                )),
            })?;
        Ok(Self { database })
    }

    /// Waits for the open statements and closes the connections.
    pub async fn close(&self) {
        self.database.close().await;
    }

    /// Runs a statement that answers nothing.
    pub(super) async fn run(&self, statement: Statement<'_>) -> Result<(), Error> {
        let mut connection = self.database.acquire().await?;
        match statement.execute(&mut *connection).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.failed(error).await),
        }
    }

    /// Runs a statement that answers bytes, or nothing in their place; `None`: no row.
    async fn bytes(&self, statement: Statement<'_>) -> Result<Option<Option<Key>>, Error> {
        let mut connection = self.database.acquire().await?;
        let row = match statement.fetch_optional(&mut *connection).await {
            Ok(row) => row,
            Err(error) => return Err(self.failed(error).await),
        };
        row.map(|row| {
            let stored: Option<&[u8]> = sqlx::Row::try_get(&row, 0).map_err(unavailable)?;
            stored.map(to_key).transpose()
        })
        .transpose()
    }

    async fn failed(&self, error: sqlx::Error) -> Error {
        self.database.note(&error).await;
        unavailable(error)
    }

    /// Frees what old versions of rows held. Best effort: the server's own vacuum comes by, too.
    async fn forget_old_rows(&self) {
        if let Err(error) = self.run(sql!("vacuum_keys")).await {
            tracing::warn!(%error, "the key store could not be vacuumed");
        }
    }
}

type Statement<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

#[async_trait]
impl KeyStore for PostgresKeyStore {
    async fn create_key(&self, customer: Uuid, now: DateTime<Utc>) -> Result<Key, Error> {
        let key = Key::generate()?;
        let create = sql!("create_key")
            .bind(customer)
            .bind(key.expose().as_slice())
            .bind(now);
        let stored = self.bytes(create).await?.flatten();
        stored.ok_or(Error::Destroyed { customer })
    }

    async fn key(&self, customer: Uuid) -> Result<Option<Key>, Error> {
        let read = self.bytes(sql!("read_key").bind(customer)).await?;
        Ok(read.flatten())
    }

    async fn settle_key(&self, customer: Uuid) -> Result<(), Error> {
        self.run(sql!("settle_key").bind(customer)).await
    }

    async fn discard_key(&self, customer: Uuid) -> Result<(), Error> {
        self.run(sql!("discard_key").bind(customer)).await
    }

    async fn destroy_key(&self, customer: Uuid, now: DateTime<Utc>) -> Result<(), Error> {
        self.run(sql!("destroy_key").bind(customer).bind(now))
            .await?;
        self.forget_old_rows().await;
        Ok(())
    }

    async fn pending_keys(&self, before: DateTime<Utc>, limit: usize) -> Result<Vec<Uuid>, Error> {
        let mut connection = self.database.acquire().await?;
        sqlx::query_scalar(include_str!("../../sql/postgres/list_pending_keys.sql"))
            .bind(before)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&mut *connection)
            .await
            .map_err(unavailable)
    }

    async fn create_secret(&self, name: &str) -> Result<Key, Error> {
        if name.is_empty() || name.len() > MAX_NAME_BYTES {
            return Err(Error::Name {
                name: name.to_owned(),
            });
        }
        if let Some(secret) = self.secret(name).await? {
            return Ok(secret);
        }
        let key = Key::generate()?;
        let create = sql!("create_secret")
            .bind(name)
            .bind(key.expose().as_slice());
        let stored = self.bytes(create).await?.flatten();
        stored.ok_or_else(|| Error::Unavailable("a secret was not answered".to_owned()))
    }

    async fn secret(&self, name: &str) -> Result<Option<Key>, Error> {
        let read = self.bytes(sql!("read_secret").bind(name)).await?;
        Ok(read.flatten())
    }

    async fn destroy_secret(&self, name: &str) -> Result<(), Error> {
        self.run(sql!("destroy_secret").bind(name)).await?;
        self.forget_old_rows().await;
        Ok(())
    }

    async fn secret_names(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        let mut connection = self.database.acquire().await?;
        sqlx::query_scalar(include_str!("../../sql/postgres/list_secret_names.sql"))
            .bind(after)
            .bind(super::behind(prefix))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&mut *connection)
            .await
            .map_err(unavailable)
    }
}

fn to_key(bytes: &[u8]) -> Result<Key, Error> {
    <[u8; KEY_BYTES]>::try_from(bytes)
        .map(Key::new)
        .map_err(|_| Error::Unavailable(format!("a stored key has {} bytes", bytes.len())))
}

impl From<postgres::Error> for Error {
    fn from(error: postgres::Error) -> Self {
        match error {
            postgres::Error::Unavailable(why) => Self::Unavailable(why),
            postgres::Error::Refused(why) => Self::Refused(format!("the key store: {why}")),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn unavailable(error: impl ToString) -> Error {
    Error::Unavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_store::conformance;

    #[tokio::test]
    async fn conforms() {
        let Some(database) = servers::log_database("the key store on Postgres").await else {
            return;
        };
        let store = PostgresKeyStore::open(&database.url).await.unwrap();
        conformance::all(&store).await.unwrap();
        store.close().await;
    }

    #[tokio::test]
    async fn keeps_its_keys_beside_other_processes_and_refuses_a_newer_schema() {
        let Some(database) = servers::log_database("a shared key store on Postgres").await else {
            return;
        };
        let stores =
            futures::future::join_all((0..4).map(|_| PostgresKeyStore::open(&database.url)));
        let stores: Vec<_> = stores.await.into_iter().map(Result::unwrap).collect();
        let created = stores.iter().map(|store| store.create_secret("a"));
        let created = futures::future::join_all(created).await;
        let first = created[0].as_ref().unwrap();
        for secret in &created {
            assert_eq!(secret.as_ref().unwrap(), first, "all have one secret");
        }
        sqlx::query("UPDATE _sqlx_migrations SET version = version + 1000")
            .execute(stores[0].database.pool())
            .await
            .unwrap();
        let refused = PostgresKeyStore::open(&database.url).await;
        assert!(matches!(refused, Err(Error::Refused(text)) if text.contains("newer")));
    }

    #[tokio::test]
    async fn no_row_holds_a_destroyed_key() {
        let Some(database) = servers::log_database("destroyed keys on Postgres").await else {
            return;
        };
        let store = PostgresKeyStore::open(&database.url).await.unwrap();
        let customer = Uuid::now_v7();
        let key = store
            .create_key(customer, DateTime::UNIX_EPOCH)
            .await
            .unwrap();
        store
            .destroy_key(customer, DateTime::UNIX_EPOCH)
            .await
            .unwrap();
        let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM personal_keys WHERE key = $1")
            .bind(key.expose().as_slice())
            .fetch_one(store.database.pool())
            .await
            .unwrap();
        assert_eq!(kept, 0);
    }
}
