//! The credentials as tables in the log's Postgres database, in a schema of their own that the log's migrations know nothing of.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Postgres, Row, Transaction, postgres::PgArguments};
use uuid::Uuid;

use super::{
    Credentials, Error, MAX_SESSIONS_PER_CUSTOMER, NewSession, Rotated, Rotation, as_limit,
    unavailable,
};
use crate::{
    postgres::{self, Database},
    tables::Tables,
};

/// The text of a statement in `sql/postgres`.
macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!("../../sql/postgres/", $name, ".sql"))
    };
}

const TABLES: Tables = Tables {
    of: "credentials",
    create_schema: sql!("create_credentials_schema"),
    read_version: sql!("read_credentials_version"),
    insert_version: sql!("insert_credentials_version"),
    steps: &[include_str!(
        "../../migrations/postgres/credentials/0001_create_credentials.sql"
    )],
};

/// Credentials in a Postgres database that others use too.
#[derive(Debug)]
pub struct PostgresCredentials {
    pub(super) database: Database,
}

impl PostgresCredentials {
    /// Opens the database at `urls` (of several, separated by commas, the one that takes writes) and brings these tables up to date.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Refused`] where the tables are newer than this program.
    pub async fn open(urls: &str) -> Result<Self, Error> {
        let database = Database::open(urls, "frontrow credentials").await?;
        TABLES
            .migrate_postgres(&database, sql!("lock_credentials_schema"))
            .await?;
        Ok(Self { database })
    }

    /// Waits for the open statements and closes the connections.
    pub async fn close(&self) {
        self.database.close().await;
    }

    /// Runs a statement alone; answers how many rows it touched.
    pub(super) async fn run(&self, statement: Statement<'_>) -> Result<u64, Error> {
        let mut connection = self.database.acquire().await?;
        let done = statement.execute(&mut *connection).await;
        self.noted(done.map(|done| done.rows_affected())).await
    }

    /// Commits where everything before has worked.
    async fn end<T>(
        &self,
        transaction: Transaction<'static, Postgres>,
        done: Result<T, sqlx::Error>,
    ) -> Result<T, Error> {
        let committed = match done {
            Ok(value) => transaction.commit().await.map(|()| value),
            Err(error) => Err(error),
        };
        self.noted(committed).await
    }

    /// Where the server takes no writes any more, the next call goes to the one that does.
    async fn noted<T>(&self, result: Result<T, sqlx::Error>) -> Result<T, Error> {
        if let Err(error) = &result {
            self.database.note(error).await;
        }
        result.map_err(unavailable)
    }
}

type Statement<'q> = sqlx::query::Query<'q, Postgres, PgArguments>;

async fn open_session(
    connection: &mut PgConnection,
    session: NewSession,
) -> Result<(), sqlx::Error> {
    sqlx::query(sql!("lock_sessions"))
        .bind(session.customer)
        .execute(&mut *connection)
        .await?;
    sqlx::query(sql!("insert_session"))
        .bind(session.session)
        .bind(session.customer)
        .bind(session.family.as_slice())
        .bind(session.token.as_slice())
        .bind(session.opened_at)
        .bind(session.expires_at)
        .execute(&mut *connection)
        .await?;
    sqlx::query(sql!("delete_surplus_sessions"))
        .bind(session.customer)
        .bind(as_limit(MAX_SESSIONS_PER_CUSTOMER))
        .execute(connection)
        .await
        .map(drop)
}

async fn rotate(connection: &mut PgConnection, rotation: Rotation) -> Result<Rotated, sqlx::Error> {
    let row = sqlx::query(sql!("read_session"))
        .bind(rotation.family.as_slice())
        .bind(rotation.now)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else {
        return Ok(Rotated::Unknown);
    };
    let (session, customer) = (row.try_get("session_id")?, row.try_get("customer_id")?);
    let newest: &[u8] = row.try_get("token")?;
    let is_newest =
        aws_lc_rs::constant_time::verify_slices_are_equal(newest, &rotation.shown).is_ok();
    if !is_newest {
        let delete = sqlx::query(sql!("delete_session")).bind(session);
        delete.execute(connection).await?;
        return Ok(Rotated::Reused { session, customer });
    }
    sqlx::query(sql!("rotate_session"))
        .bind(session)
        .bind(rotation.next.as_slice())
        .bind(rotation.expires_at)
        .execute(connection)
        .await?;
    Ok(Rotated::Next { session, customer })
}

async fn erase(connection: &mut PgConnection, customer: Uuid) -> Result<(), sqlx::Error> {
    for statement in [sql!("delete_password"), sql!("delete_sessions")] {
        sqlx::query(statement)
            .bind(customer)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

#[async_trait]
impl Credentials for PostgresCredentials {
    async fn put_password(
        &self,
        customer: Uuid,
        phc: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let put = sqlx::query(sql!("upsert_password"));
        self.run(put.bind(customer).bind(phc).bind(now))
            .await
            .map(drop)
    }

    async fn password(&self, customer: Uuid) -> Result<Option<String>, Error> {
        let mut connection = self.database.acquire().await?;
        let read = sqlx::query_scalar(sql!("read_password")).bind(customer);
        read.fetch_optional(&mut *connection)
            .await
            .map_err(unavailable)
    }

    async fn settle_password(&self, customer: Uuid) -> Result<(), Error> {
        let settle = sqlx::query(sql!("settle_password")).bind(customer);
        self.run(settle).await.map(drop)
    }

    async fn discard_password(&self, customer: Uuid) -> Result<(), Error> {
        let discard = sqlx::query(sql!("discard_password")).bind(customer);
        self.run(discard).await.map(drop)
    }

    async fn pending_passwords(
        &self,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Uuid>, Error> {
        let mut connection = self.database.acquire().await?;
        sqlx::query_scalar(sql!("list_pending_passwords"))
            .bind(before)
            .bind(as_limit(limit))
            .fetch_all(&mut *connection)
            .await
            .map_err(unavailable)
    }

    async fn open_session(&self, session: NewSession) -> Result<(), Error> {
        let mut transaction = self.database.begin().await?;
        let opened = open_session(&mut transaction, session).await;
        self.end(transaction, opened).await
    }

    async fn rotate(&self, rotation: Rotation) -> Result<Rotated, Error> {
        let mut transaction = self.database.begin().await?;
        let rotated = rotate(&mut transaction, rotation).await;
        self.end(transaction, rotated).await
    }

    async fn end_session(&self, session: Uuid) -> Result<(), Error> {
        let delete = sqlx::query(sql!("delete_session")).bind(session);
        self.run(delete).await.map(drop)
    }

    async fn erase(&self, customer: Uuid) -> Result<(), Error> {
        let mut transaction = self.database.begin().await?;
        let erased = erase(&mut transaction, customer).await;
        self.end(transaction, erased).await
    }

    async fn sweep_sessions(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, Error> {
        let sweep = sqlx::query(sql!("sweep_sessions"));
        self.run(sweep.bind(now).bind(as_limit(limit))).await
    }
}

impl From<postgres::Error> for Error {
    fn from(error: postgres::Error) -> Self {
        match error {
            postgres::Error::Unavailable(why) => Self::Unavailable(why),
            postgres::Error::Refused(why) => Self::Refused(format!("the credentials: {why}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;
    use crate::credentials::conformance;

    #[tokio::test]
    async fn conforms() {
        let Some(database) = servers::log_database("credentials on Postgres").await else {
            return;
        };
        let store = PostgresCredentials::open(&database.url).await.unwrap();
        conformance::all(&store).await.unwrap();
        store.close().await;
    }

    #[tokio::test]
    async fn many_start_at_once_and_newer_tables_are_refused() {
        let Some(database) = servers::log_database("shared credentials on Postgres").await else {
            return;
        };
        let stores = join_all((0..4).map(|_| PostgresCredentials::open(&database.url))).await;
        let stores: Vec<_> = stores.into_iter().map(Result::unwrap).collect();
        stores[0]
            .put_password(Uuid::nil(), "$x", DateTime::UNIX_EPOCH)
            .await
            .unwrap();
        let seen = stores[1].password(Uuid::nil()).await.unwrap();
        assert_eq!(seen.as_deref(), Some("$x"));
        sqlx::query("INSERT INTO credentials.schema (version) VALUES (99)")
            .execute(stores[0].database.pool())
            .await
            .unwrap();
        let refused = PostgresCredentials::open(&database.url).await;
        assert!(matches!(refused, Err(Error::Refused(text)) if text.contains("newer")));
    }

    #[tokio::test]
    async fn a_bound_holds_for_sessions_opened_at_once() {
        let Some(database) = servers::log_database("sessions at once on Postgres").await else {
            return;
        };
        let store = PostgresCredentials::open(&database.url).await.unwrap();
        let customer = Uuid::now_v7();
        let digest = |n: u128| {
            let mut digest = [0; 32];
            digest[..16].copy_from_slice(&n.to_be_bytes());
            digest
        };
        let opening = (0..2 * MAX_SESSIONS_PER_CUSTOMER as u128).map(|n| {
            store.open_session(NewSession {
                session: Uuid::now_v7(),
                customer,
                family: digest(n),
                token: digest(n),
                opened_at: DateTime::UNIX_EPOCH,
                expires_at: DateTime::UNIX_EPOCH,
            })
        });
        for opened in join_all(opening).await {
            opened.unwrap();
        }
        let swept = store
            .sweep_sessions(DateTime::UNIX_EPOCH, usize::MAX)
            .await
            .unwrap();
        assert_eq!(swept, MAX_SESSIONS_PER_CUSTOMER as u64);
    }
}
