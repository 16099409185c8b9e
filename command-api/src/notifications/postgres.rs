//! The ledger as tables in the log's Postgres database, in a schema of their own that the log's migrations know nothing of.

mod rows;
mod write;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::{PgPool, Postgres, Row, Transaction, postgres::PgArguments};
use uuid::Uuid;

use self::{
    rows::place,
    write::{add_webhook, disable_webhook, insert_notifications, record, remove_webhook},
};
pub(super) use self::{
    rows::{delivery, notification, webhook},
    write::column,
};
use super::{
    Batch, Counts, Delivery, Disabled, EMAIL_LANE, Error, Ledger, Notification, Outcome, Place,
    Webhook, as_limit, as_position, unavailable,
};
use crate::{
    postgres::{self, Database},
    tables::Tables,
};

/// The text of a statement in `sql/postgres`.
macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/sql/postgres/",
            $name,
            ".sql"
        ))
    };
}
use sql;

const TABLES: Tables = Tables {
    of: "notifications",
    create_schema: sql!("create_notifications_schema"),
    read_version: sql!("read_notifications_version"),
    insert_version: sql!("insert_notifications_version"),
    steps: &[include_str!(
        "../../migrations/postgres/notifications/0001_create_notifications.sql"
    )],
};

/// The ledger in a Postgres database that others use too.
#[derive(Debug)]
pub struct PostgresLedger {
    database: Database,
}

impl PostgresLedger {
    /// Opens the database at `urls` (of several, separated by commas, the one that takes writes) and brings these tables up to date.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Refused`] where the tables are newer than this program.
    pub async fn open(urls: &str) -> Result<Self, Error> {
        let database = Database::open(urls, "frontrow notifications").await?;
        TABLES
            .migrate_postgres(&database, sql!("lock_notifications_schema"))
            .await?;
        Ok(Self { database })
    }

    /// Waits for the open statements and closes the connections.
    pub async fn close(&self) {
        self.database.close().await;
    }

    pub(super) fn pool(&self) -> &PgPool {
        self.database.pool()
    }

    /// Runs a statement alone.
    pub(super) async fn run(&self, statement: Statement<'_>) -> Result<u64, Error> {
        let mut connection = self.database.acquire().await?;
        let done = statement.execute(&mut *connection).await;
        self.noted(done.map(|done| done.rows_affected())).await
    }

    pub(super) async fn write_notifications(&self, rows: &[Notification]) -> Result<(), Error> {
        let mut connection = self.database.acquire().await?;
        let written = insert_notifications(&mut connection, rows).await;
        self.noted(written).await
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

#[async_trait]
impl Ledger for PostgresLedger {
    async fn checkpoint(&self) -> Result<u64, Error> {
        let mut connection = self.database.acquire().await?;
        let position: i64 = sqlx::query_scalar(sql!("read_notification_checkpoint"))
            .fetch_one(&mut *connection)
            .await
            .map_err(unavailable)?;
        u64::try_from(position).map_err(unavailable)
    }

    async fn record(&self, batch: &Batch) -> Result<bool, Error> {
        let mut transaction = self.database.begin().await?;
        let recorded = record(&mut transaction, batch).await;
        self.end(transaction, recorded).await
    }

    async fn newest(
        &self,
        customer: Uuid,
        before: Option<Place>,
        limit: usize,
    ) -> Result<Vec<Notification>, Error> {
        let before = before.map_or((i64::MAX, 0), |place| {
            (as_position(place.position), i64::from(place.ordinal))
        });
        let mut connection = self.database.acquire().await?;
        let rows = sqlx::query(sql!("list_newest_notifications"))
            .bind(customer)
            .bind(before.0)
            .bind(before.1)
            .bind(as_limit(limit))
            .fetch_all(&mut *connection)
            .await
            .map_err(unavailable)?;
        rows.iter().map(notification).collect()
    }

    async fn after(
        &self,
        customer: Uuid,
        after: Place,
        limit: usize,
    ) -> Result<Vec<Notification>, Error> {
        let mut connection = self.database.acquire().await?;
        let rows = sqlx::query(sql!("list_notifications_after"))
            .bind(customer)
            .bind(as_position(after.position))
            .bind(i64::from(after.ordinal))
            .bind(as_limit(limit))
            .fetch_all(&mut *connection)
            .await
            .map_err(unavailable)?;
        rows.iter().map(notification).collect()
    }

    async fn told(&self, after: Place, limit: usize) -> Result<Vec<(Place, Uuid)>, Error> {
        let mut connection = self.database.acquire().await?;
        let rows = sqlx::query(sql!("list_told_customers"))
            .bind(as_position(after.position))
            .bind(i64::from(after.ordinal))
            .bind(as_limit(limit))
            .fetch_all(&mut *connection)
            .await
            .map_err(unavailable)?;
        rows.iter()
            .map(|row| Ok((place(row)?, row.get("customer_id"))))
            .collect()
    }

    async fn add_webhook(&self, webhook: &Webhook, most: usize) -> Result<bool, Error> {
        let mut transaction = self.database.begin().await?;
        let added = add_webhook(&mut transaction, webhook, most).await;
        self.end(transaction, added).await
    }

    async fn webhooks_of(&self, organizer: Uuid) -> Result<Vec<Webhook>, Error> {
        let mut connection = self.database.acquire().await?;
        let rows = sqlx::query(sql!("list_webhooks_of_organizer"))
            .bind(organizer)
            .fetch_all(&mut *connection)
            .await
            .map_err(unavailable)?;
        rows.iter().map(webhook).collect()
    }

    async fn called(&self, organizers: &[Uuid]) -> Result<Vec<Webhook>, Error> {
        let mut connection = self.database.acquire().await?;
        let rows = sqlx::query(sql!("list_called_webhooks"))
            .bind(organizers)
            .fetch_all(&mut *connection)
            .await
            .map_err(unavailable)?;
        rows.iter().map(webhook).collect()
    }

    async fn webhook(&self, id: Uuid) -> Result<Option<Webhook>, Error> {
        let mut connection = self.database.acquire().await?;
        let row = sqlx::query(sql!("read_webhook"))
            .bind(id)
            .fetch_optional(&mut *connection)
            .await
            .map_err(unavailable)?;
        row.as_ref().map(webhook).transpose()
    }

    async fn calls_any(&self) -> Result<bool, Error> {
        let mut connection = self.database.acquire().await?;
        let count: i64 = sqlx::query_scalar(sql!("read_whether_webhooks_are_called"))
            .fetch_one(&mut *connection)
            .await
            .map_err(unavailable)?;
        Ok(count > 0)
    }

    async fn remove_webhook(&self, organizer: Uuid, id: Uuid) -> Result<bool, Error> {
        let mut transaction = self.database.begin().await?;
        let removed = remove_webhook(&mut transaction, organizer, id).await;
        self.end(transaction, removed).await
    }

    async fn disable_webhook(&self, id: Uuid, disabled: &Disabled) -> Result<(), Error> {
        let mut transaction = self.database.begin().await?;
        let done = disable_webhook(&mut transaction, id, disabled).await;
        self.end(transaction, done).await
    }

    async fn lanes(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Uuid>, Error> {
        let mut connection = self.database.acquire().await?;
        sqlx::query_scalar(sql!("list_due_lanes"))
            .bind(EMAIL_LANE)
            .bind(now)
            .bind(as_limit(limit))
            .fetch_all(&mut *connection)
            .await
            .map_err(unavailable)
    }

    async fn due(
        &self,
        lane: Uuid,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Delivery>, Error> {
        let mut connection = self.database.acquire().await?;
        let rows = sqlx::query(sql!("list_due_deliveries"))
            .bind(lane)
            .bind(now)
            .bind(as_limit(limit))
            .fetch_all(&mut *connection)
            .await
            .map_err(unavailable)?;
        rows.iter().map(delivery).collect()
    }

    async fn settle(&self, outcomes: &[(Uuid, Outcome)], now: DateTime<Utc>) -> Result<(), Error> {
        let columns: Vec<_> = outcomes.iter().map(|(_, one)| one.columns(now)).collect();
        let mut connection = self.database.acquire().await?;
        let settled = sqlx::query(sql!("settle_deliveries"))
            .bind(column(outcomes, |(id, _)| *id))
            .bind(column(&columns, |(state, ..)| *state))
            .bind(column(&columns, |(_, at, _)| *at))
            .bind(column(&columns, |(.., reason)| *reason))
            .execute(&mut *connection)
            .await;
        self.noted(settled.map(drop)).await
    }

    async fn dead(
        &self,
        before: Option<(u64, Uuid)>,
        limit: usize,
    ) -> Result<Vec<Delivery>, Error> {
        let before = before.map_or((i64::MAX, Uuid::nil()), |(position, id)| {
            (as_position(position), id)
        });
        let mut connection = self.database.acquire().await?;
        let rows = sqlx::query(sql!("list_dead_deliveries"))
            .bind(before.0)
            .bind(before.1)
            .bind(as_limit(limit))
            .fetch_all(&mut *connection)
            .await
            .map_err(unavailable)?;
        rows.iter().map(delivery).collect()
    }

    async fn dead_one(&self, id: Uuid) -> Result<Option<Delivery>, Error> {
        let mut connection = self.database.acquire().await?;
        let row = sqlx::query(sql!("read_dead_delivery"))
            .bind(id)
            .fetch_optional(&mut *connection)
            .await
            .map_err(unavailable)?;
        row.as_ref().map(delivery).transpose()
    }

    async fn revive(&self, id: Uuid, now: DateTime<Utc>) -> Result<bool, Error> {
        let mut connection = self.database.acquire().await?;
        let revive = sqlx::query(sql!("revive_delivery")).bind(id).bind(now);
        let revived = revive.execute(&mut *connection).await;
        let revived = self.noted(revived).await?;
        Ok(revived.rows_affected() > 0)
    }

    async fn counts(&self) -> Result<Counts, Error> {
        let mut connection = self.database.acquire().await?;
        let row = sqlx::query(sql!("count_deliveries"))
            .fetch_one(&mut *connection)
            .await
            .map_err(unavailable)?;
        let count = |name: &str| u64::try_from(row.get::<i64, _>(name)).map_err(unavailable);
        Ok(Counts {
            pending: count("pending")?,
            dead: count("dead")?,
            oldest: row.get("oldest"),
        })
    }

    async fn sweep(&self, before: DateTime<Utc>, limit: usize) -> Result<u64, Error> {
        let mut swept = 0;
        for statement in [
            sql!("sweep_notifications"),
            sql!("sweep_deliveries"),
            sql!("sweep_deserted_deliveries"),
        ] {
            let mut connection = self.database.acquire().await?;
            let sweep = sqlx::query(statement).bind(before).bind(as_limit(limit));
            let done = sweep.execute(&mut *connection).await;
            swept += self.noted(done).await?.rows_affected();
        }
        Ok(swept)
    }
}

impl From<postgres::Error> for Error {
    fn from(error: postgres::Error) -> Self {
        match error {
            postgres::Error::Unavailable(why) => Self::Unavailable(why),
            postgres::Error::Refused(why) => {
                Self::Refused(format!("the ledger of notifications: {why}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notifications::conformance;

    #[tokio::test]
    async fn conforms() {
        let Some(database) = servers::log_database("the ledger on Postgres").await else {
            return;
        };
        let ledger = PostgresLedger::open(&database.url).await.unwrap();
        conformance::all(&ledger).await.unwrap();
        ledger.close().await;
    }

    #[tokio::test]
    async fn newer_tables_are_refused() {
        let Some(database) = servers::log_database("newer notifications on Postgres").await else {
            return;
        };
        let ledger = PostgresLedger::open(&database.url).await.unwrap();
        sqlx::query("INSERT INTO notifications.schema (version) VALUES (99)")
            .execute(ledger.database.pool())
            .await
            .unwrap();
        let refused = PostgresLedger::open(&database.url).await;
        assert!(matches!(refused, Err(Error::Refused(text)) if text.contains("newer")));
    }
}
