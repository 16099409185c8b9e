//! The ledger as tables in the log's SQLite file, which the log's own migrations know nothing of.

mod rows;

use std::path::Path;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use event_store::sqlite_file;
use serde_json::{Value, json};
use sqlx::{Row, Sqlite, SqlitePool, Transaction};
use uuid::Uuid;

pub(super) use self::rows::{delivery, notification, webhook};
use self::rows::{delivery_row, id, micros, notification_row, place};
use super::{
    Batch, Counts, Delivery, Disabled, EMAIL_LANE, Error, Ledger, Notification, Outcome, Place,
    Webhook, as_limit, as_position, unavailable,
};
use crate::tables::Tables;

/// One writer at a time anyway; the others read a customer's page each.
const CONNECTIONS: u32 = 8;

/// The text of a statement in `sql/sqlite`.
macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!("../../sql/sqlite/", $name, ".sql"))
    };
}

const TABLES: Tables = Tables {
    of: "notifications",
    create_schema: sql!("create_notifications_schema"),
    read_version: sql!("read_notifications_version"),
    insert_version: sql!("insert_notifications_version"),
    steps: &[include_str!(
        "../../migrations/sqlite/notifications/0001_create_notifications.sql"
    )],
};

/// The ledger in an SQLite file that others use too.
#[derive(Debug, Clone)]
pub struct SqliteLedger {
    pool: SqlitePool,
}

impl SqliteLedger {
    /// Opens the file, creating it where it does not exist, and brings these tables up to date.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Refused`] where the tables are newer than this program.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        let options = sqlite_file::options(path).create_if_missing(true);
        let pool = sqlite_file::pool(options, CONNECTIONS)
            .await
            .map_err(unavailable)?;
        TABLES.migrate_sqlite(&pool).await?;
        Ok(Self { pool })
    }

    /// Waits for the open statements and closes the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    pub(super) fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, Error> {
        self.pool
            .begin_with(sqlite_file::BEGIN)
            .await
            .map_err(unavailable)
    }
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn checkpoint(&self) -> Result<u64, Error> {
        let position: i64 = sqlx::query_scalar(sql!("read_notification_checkpoint"))
            .fetch_one(&self.pool)
            .await
            .map_err(unavailable)?;
        u64::try_from(position).map_err(unavailable)
    }

    async fn record(&self, batch: &Batch) -> Result<bool, Error> {
        let mut transaction = self.begin().await?;
        let moved = sqlx::query(sql!("move_notification_checkpoint"))
            .bind(as_position(batch.from))
            .bind(as_position(batch.to))
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        if moved.rows_affected() == 0 {
            return Ok(false);
        }
        let notifications: Vec<_> = batch.notifications.iter().map(notification_row).collect();
        let deliveries: Vec<_> = batch.deliveries.iter().map(delivery_row).collect();
        for (statement, rows) in [
            (sql!("insert_notifications"), notifications),
            (sql!("insert_deliveries"), deliveries),
        ] {
            if !rows.is_empty() {
                sqlx::query(statement)
                    .bind(Value::Array(rows).to_string())
                    .execute(&mut *transaction)
                    .await
                    .map_err(unavailable)?;
            }
        }
        transaction.commit().await.map_err(unavailable)?;
        Ok(true)
    }

    async fn newest(
        &self,
        customer: Uuid,
        before: Option<Place>,
        limit: usize,
    ) -> Result<Vec<Notification>, Error> {
        let before = before.map_or((i64::MAX, 0), |place| {
            (as_position(place.position), place.ordinal)
        });
        let rows = sqlx::query(sql!("list_newest_notifications"))
            .bind(customer.to_string())
            .bind(before.0)
            .bind(before.1)
            .bind(as_limit(limit))
            .fetch_all(&self.pool)
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
        let rows = sqlx::query(sql!("list_notifications_after"))
            .bind(customer.to_string())
            .bind(as_position(after.position))
            .bind(after.ordinal)
            .bind(as_limit(limit))
            .fetch_all(&self.pool)
            .await
            .map_err(unavailable)?;
        rows.iter().map(notification).collect()
    }

    async fn told(&self, after: Place, limit: usize) -> Result<Vec<(Place, Uuid)>, Error> {
        let rows = sqlx::query(sql!("list_told_customers"))
            .bind(as_position(after.position))
            .bind(after.ordinal)
            .bind(as_limit(limit))
            .fetch_all(&self.pool)
            .await
            .map_err(unavailable)?;
        rows.iter()
            .map(|row| Ok((place(row)?, id(row, "customer_id")?)))
            .collect()
    }

    async fn add_webhook(&self, webhook: &Webhook, most: usize) -> Result<bool, Error> {
        let mut transaction = self.begin().await?;
        let organizer = webhook.organizer.to_string();
        let count: i64 = sqlx::query_scalar(sql!("count_webhooks"))
            .bind(&organizer)
            .fetch_one(&mut *transaction)
            .await
            .map_err(unavailable)?;
        if count >= as_limit(most) {
            return Ok(false);
        }
        sqlx::query(sql!("insert_webhook"))
            .bind(webhook.id.to_string())
            .bind(&organizer)
            .bind(&webhook.url)
            .bind(json!(webhook.kinds).to_string())
            .bind(as_position(webhook.since))
            .bind(webhook.created_at.timestamp_micros())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(true)
    }

    async fn webhooks_of(&self, organizer: Uuid) -> Result<Vec<Webhook>, Error> {
        let rows = sqlx::query(sql!("list_webhooks_of_organizer"))
            .bind(organizer.to_string())
            .fetch_all(&self.pool)
            .await
            .map_err(unavailable)?;
        rows.iter().map(webhook).collect()
    }

    async fn called(&self, organizers: &[Uuid]) -> Result<Vec<Webhook>, Error> {
        let rows = sqlx::query(sql!("list_called_webhooks"))
            .bind(json!(organizers).to_string())
            .fetch_all(&self.pool)
            .await
            .map_err(unavailable)?;
        rows.iter().map(webhook).collect()
    }

    async fn webhook(&self, id: Uuid) -> Result<Option<Webhook>, Error> {
        let row = sqlx::query(sql!("read_webhook"))
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await
            .map_err(unavailable)?;
        row.as_ref().map(webhook).transpose()
    }

    async fn calls_any(&self) -> Result<bool, Error> {
        let count: i64 = sqlx::query_scalar(sql!("read_whether_webhooks_are_called"))
            .fetch_one(&self.pool)
            .await
            .map_err(unavailable)?;
        Ok(count > 0)
    }

    async fn remove_webhook(&self, organizer: Uuid, id: Uuid) -> Result<bool, Error> {
        let mut transaction = self.begin().await?;
        let removed = sqlx::query(sql!("delete_webhook"))
            .bind(organizer.to_string())
            .bind(id.to_string())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        if removed.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query(sql!("delete_pending_of_lane"))
            .bind(id.to_string())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(true)
    }

    async fn disable_webhook(&self, id: Uuid, disabled: &Disabled) -> Result<(), Error> {
        let mut transaction = self.begin().await?;
        for statement in [sql!("disable_webhook"), sql!("bury_pending_of_lane")] {
            sqlx::query(statement)
                .bind(id.to_string())
                .bind(disabled.at.timestamp_micros())
                .bind(&disabled.reason)
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?;
        }
        transaction.commit().await.map_err(unavailable)
    }

    async fn lanes(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Uuid>, Error> {
        let rows = sqlx::query(sql!("list_due_lanes"))
            .bind(EMAIL_LANE.to_string())
            .bind(now.timestamp_micros())
            .bind(as_limit(limit))
            .fetch_all(&self.pool)
            .await
            .map_err(unavailable)?;
        rows.iter().map(|row| id(row, "lane")).collect()
    }

    async fn due(
        &self,
        lane: Uuid,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Delivery>, Error> {
        let rows = sqlx::query(sql!("list_due_deliveries"))
            .bind(lane.to_string())
            .bind(now.timestamp_micros())
            .bind(as_limit(limit))
            .fetch_all(&self.pool)
            .await
            .map_err(unavailable)?;
        rows.iter().map(delivery).collect()
    }

    async fn settle(&self, outcomes: &[(Uuid, Outcome)], now: DateTime<Utc>) -> Result<(), Error> {
        let rows = outcomes.iter().map(|(id, outcome)| {
            let (state, at, reason) = outcome.columns(now);
            json!([id, state, at.timestamp_micros(), reason])
        });
        sqlx::query(sql!("settle_deliveries"))
            .bind(Value::Array(rows.collect()).to_string())
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(unavailable)
    }

    async fn dead(
        &self,
        before: Option<(u64, Uuid)>,
        limit: usize,
    ) -> Result<Vec<Delivery>, Error> {
        let before = before.map_or((i64::MAX, String::new()), |(position, id)| {
            (as_position(position), id.to_string())
        });
        let rows = sqlx::query(sql!("list_dead_deliveries"))
            .bind(before.0)
            .bind(before.1)
            .bind(as_limit(limit))
            .fetch_all(&self.pool)
            .await
            .map_err(unavailable)?;
        rows.iter().map(delivery).collect()
    }

    async fn dead_one(&self, id: Uuid) -> Result<Option<Delivery>, Error> {
        let row = sqlx::query(sql!("read_dead_delivery"))
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await
            .map_err(unavailable)?;
        row.as_ref().map(delivery).transpose()
    }

    async fn revive(&self, id: Uuid, now: DateTime<Utc>) -> Result<bool, Error> {
        let revived = sqlx::query(sql!("revive_delivery"))
            .bind(id.to_string())
            .bind(now.timestamp_micros())
            .execute(&self.pool)
            .await
            .map_err(unavailable)?;
        Ok(revived.rows_affected() > 0)
    }

    async fn counts(&self) -> Result<Counts, Error> {
        let row = sqlx::query(sql!("count_deliveries"))
            .fetch_one(&self.pool)
            .await
            .map_err(unavailable)?;
        let count = |name: &str| u64::try_from(row.get::<i64, _>(name)).map_err(unavailable);
        let oldest: Option<i64> = row.get("oldest");
        Ok(Counts {
            pending: count("pending")?,
            dead: count("dead")?,
            oldest: oldest.map(micros).transpose()?,
        })
    }

    async fn sweep(&self, before: DateTime<Utc>, limit: usize) -> Result<u64, Error> {
        let mut swept = 0;
        for statement in [
            sql!("sweep_notifications"),
            sql!("sweep_deliveries"),
            sql!("sweep_deserted_deliveries"),
        ] {
            let done = sqlx::query(statement)
                .bind(before.timestamp_micros())
                .bind(as_limit(limit))
                .execute(&self.pool)
                .await
                .map_err(unavailable)?;
            swept += done.rows_affected();
        }
        Ok(swept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{notifications::conformance, testing::Folder};

    #[tokio::test]
    async fn conforms() {
        let folder = Folder::new();
        let ledger = SqliteLedger::open(&folder.path("log.db")).await.unwrap();
        conformance::all(&ledger).await.unwrap();
    }

    #[tokio::test]
    async fn newer_tables_are_refused() {
        let folder = Folder::new();
        let path = folder.path("log.db");
        let ledger = SqliteLedger::open(&path).await.unwrap();
        sqlx::query("INSERT INTO notifications_schema (version) VALUES (99)")
            .execute(&ledger.pool)
            .await
            .unwrap();
        ledger.close().await;
        let refused = SqliteLedger::open(&path).await;
        assert!(matches!(refused, Err(Error::Refused(text)) if text.contains("newer")));
    }
}
