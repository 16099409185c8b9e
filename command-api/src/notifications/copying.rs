//! The ledger as it is stored: to be copied from one store into another.

use async_trait::async_trait;
use sqlx::Row;
use uuid::Uuid;

use super::{
    Delivery, Error, Ledger as _, Notification, PostgresLedger, SqliteLedger, Webhook, as_limit,
    as_position,
    postgres::{self, column},
    sqlite, unavailable,
};

/// A delivery with its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDelivery {
    /// The delivery.
    pub delivery: Delivery,
    /// How it stands, as stored.
    pub state: String,
}

/// What a ledger holds, in pages.
#[async_trait]
pub trait Listed: Send + Sync {
    /// Notifications behind `after`, in the order of ids, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn list_notifications(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<Notification>, Error>;

    /// Webhooks behind `after`, in the order of ids, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn list_webhooks(&self, after: Option<Uuid>, limit: usize)
    -> Result<Vec<Webhook>, Error>;

    /// Deliveries behind `after`, in the order of ids, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn list_deliveries(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<StoredDelivery>, Error>;
}

/// One page of a table.
macro_rules! page {
    ($pool:expr, $dialect:literal, $name:literal, $after:expr, $limit:expr, $read:expr) => {{
        let rows = sqlx::query(include_str!(concat!(
            "../../sql/",
            $dialect,
            "/",
            $name,
            ".sql"
        )))
        .bind($after)
        .bind(as_limit($limit))
        .fetch_all($pool)
        .await
        .map_err(unavailable)?;
        rows.iter().map($read).collect()
    }};
}

fn text(after: Option<Uuid>) -> String {
    after.map_or_else(String::new, |id| id.to_string())
}

#[async_trait]
impl Listed for SqliteLedger {
    async fn list_notifications(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<Notification>, Error> {
        let (pool, after) = (self.pool(), text(after));
        page!(
            pool,
            "sqlite",
            "list_notifications",
            after,
            limit,
            sqlite::notification
        )
    }

    async fn list_webhooks(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<Webhook>, Error> {
        let (pool, after) = (self.pool(), text(after));
        page!(
            pool,
            "sqlite",
            "list_webhooks",
            after,
            limit,
            sqlite::webhook
        )
    }

    async fn list_deliveries(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<StoredDelivery>, Error> {
        let (pool, after) = (self.pool(), text(after));
        page!(pool, "sqlite", "list_deliveries", after, limit, |row| {
            Ok(StoredDelivery {
                delivery: sqlite::delivery(row)?,
                state: row.get("state"),
            })
        })
    }
}

#[async_trait]
impl Listed for PostgresLedger {
    async fn list_notifications(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<Notification>, Error> {
        let pool = self.pool();
        page!(
            pool,
            "postgres",
            "list_notifications",
            after,
            limit,
            postgres::notification
        )
    }

    async fn list_webhooks(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<Webhook>, Error> {
        let pool = self.pool();
        page!(
            pool,
            "postgres",
            "list_webhooks",
            after,
            limit,
            postgres::webhook
        )
    }

    async fn list_deliveries(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<StoredDelivery>, Error> {
        let pool = self.pool();
        page!(pool, "postgres", "list_deliveries", after, limit, |row| {
            Ok(StoredDelivery {
                delivery: postgres::delivery(row)?,
                state: row.get("state"),
            })
        })
    }
}

impl PostgresLedger {
    /// Removes everything; the checkpoint is where another ledger's is.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn clear(&self, checkpoint: u64) -> Result<(), Error> {
        let clear = sqlx::query(include_str!("../../sql/postgres/clear_notifications.sql"));
        self.run(clear).await?;
        let at = self.checkpoint().await?;
        let place = sqlx::query(include_str!(
            "../../sql/postgres/move_notification_checkpoint.sql"
        ));
        let place = place.bind(as_position(at)).bind(as_position(checkpoint));
        self.run(place).await.map(drop)
    }

    /// Adds notifications as they were stored elsewhere.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn take_notifications(&self, rows: &[Notification]) -> Result<(), Error> {
        self.write_notifications(rows).await
    }

    /// Adds webhooks as they were stored elsewhere: one by one, for there are few.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn take_webhooks(&self, rows: &[Webhook]) -> Result<(), Error> {
        for row in rows {
            self.add_webhook(row, usize::MAX).await?;
            if let Some(disabled) = &row.disabled {
                self.disable_webhook(row.id, disabled).await?;
            }
        }
        Ok(())
    }

    /// Adds deliveries as they were stored elsewhere; webhooks come before them.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn take_deliveries(&self, rows: &[StoredDelivery]) -> Result<(), Error> {
        let states = column(rows, |row| row.state.clone());
        let rows = column(rows, |row| row.delivery.clone());
        let insert = sqlx::query(include_str!("../../sql/postgres/import_deliveries.sql"))
            .bind(column(&rows, |row| row.id))
            .bind(column(&rows, |row| row.channel.name().to_owned()))
            .bind(column(&rows, |row| row.recipient))
            .bind(column(&rows, |row| row.lane))
            .bind(column(&rows, |row| as_position(row.place.position)))
            .bind(column(&rows, |row| i64::from(row.place.ordinal)))
            .bind(column(&rows, |row| row.kind.clone()))
            .bind(column(&rows, |row| row.data.clone()))
            .bind(column(&rows, |row| row.occurred_at))
            .bind(column(&rows, |row| row.next_at))
            .bind(states)
            .bind(column(&rows, |row| i64::from(row.attempts)))
            .bind(column(&rows, |row| row.reason.clone()));
        self.run(insert).await.map(drop)
    }
}
