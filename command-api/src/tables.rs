//! Tables beside the log's own, brought up to date step by step: the log's migrations have their list of steps to themselves, and
//! each part that keeps tables here has its own.

use sqlx::{PgConnection, Postgres, Sqlite, SqlitePool, Transaction};

use event_store::sqlite_file;

use crate::postgres::{Database, Error};

/// What a part's tables are made with, in the SQL of one dialect.
#[derive(Debug)]
pub(crate) struct Tables {
    /// Whose tables they are, as an operator reads it.
    pub(crate) of: &'static str,
    /// Makes the list of the steps taken, where there is none.
    pub(crate) create_schema: &'static str,
    /// Reads how many steps were taken.
    pub(crate) read_version: &'static str,
    /// Notes one step as taken.
    pub(crate) insert_version: &'static str,
    /// The steps, in order; a step's version is its place, from 1.
    pub(crate) steps: &'static [&'static str],
}

impl Tables {
    /// The steps that are missing where `version` of them were taken, each with its version.
    fn missing(&self, version: i64) -> Result<impl Iterator<Item = (i64, &'static str)>, Error> {
        let known = i64::try_from(self.steps.len()).unwrap_or(i64::MAX);
        if version > known {
            return Err(Error::Refused(format!(
                "the tables of {} have schema {version}, newer than this program's {known}",
                self.of
            )));
        }
        let steps = (1_i64..).zip(self.steps.iter().copied());
        Ok(steps.skip_while(move |(step, _)| *step <= version))
    }

    /// Applies the steps that the file lacks.
    pub(crate) async fn migrate_sqlite(&self, pool: &SqlitePool) -> Result<(), Error> {
        let mut transaction: Transaction<'_, Sqlite> = pool.begin_with(sqlite_file::BEGIN).await?;
        sqlx::query(self.create_schema)
            .execute(&mut *transaction)
            .await?;
        let version = sqlx::query_scalar(self.read_version)
            .fetch_one(&mut *transaction)
            .await?;
        for (step, statements) in self.missing(version)? {
            sqlx::raw_sql(statements).execute(&mut *transaction).await?;
            sqlx::query(self.insert_version)
                .bind(step)
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Applies the steps that the database lacks; `lock` makes processes that start at once take turns.
    pub(crate) async fn migrate_postgres(
        &self,
        database: &Database,
        lock: &'static str,
    ) -> Result<(), Error> {
        let mut transaction: Transaction<'_, Postgres> = database.begin().await?;
        let connection: &mut PgConnection = &mut transaction;
        sqlx::query(lock).execute(&mut *connection).await?;
        sqlx::raw_sql(self.create_schema)
            .execute(&mut *connection)
            .await?;
        let version = sqlx::query_scalar(self.read_version)
            .fetch_one(&mut *connection)
            .await?;
        for (step, statements) in self.missing(version)? {
            sqlx::raw_sql(statements).execute(&mut *connection).await?;
            sqlx::query(self.insert_version)
                .bind(step)
                .execute(&mut *connection)
                .await?;
        }
        Ok(transaction.commit().await?)
    }
}
