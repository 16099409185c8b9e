//! What is written in more than one statement: within the caller's transaction.

use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::sql;
use crate::notifications::{
    Batch, Delivery, Disabled, Notification, Webhook, as_limit, as_position,
};

pub(super) async fn record(
    connection: &mut PgConnection,
    batch: &Batch,
) -> Result<bool, sqlx::Error> {
    let moved = sqlx::query(sql!("move_notification_checkpoint"))
        .bind(as_position(batch.from))
        .bind(as_position(batch.to))
        .execute(&mut *connection)
        .await?;
    if moved.rows_affected() == 0 {
        return Ok(false);
    }
    insert_notifications(connection, &batch.notifications).await?;
    insert_deliveries(connection, &batch.deliveries).await?;
    Ok(true)
}

pub(super) async fn insert_notifications(
    connection: &mut PgConnection,
    rows: &[Notification],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(sql!("insert_notifications"))
        .bind(column(rows, |row| row.id))
        .bind(column(rows, |row| row.customer))
        .bind(column(rows, |row| as_position(row.place.position)))
        .bind(column(rows, |row| i64::from(row.place.ordinal)))
        .bind(column(rows, |row| row.kind.clone()))
        .bind(column(rows, |row| row.data.clone()))
        .bind(column(rows, |row| row.occurred_at))
        .execute(connection)
        .await
        .map(drop)
}

async fn insert_deliveries(
    connection: &mut PgConnection,
    rows: &[Delivery],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(sql!("insert_deliveries"))
        .bind(column(rows, |row| row.id))
        .bind(column(rows, |row| row.channel.name().to_owned()))
        .bind(column(rows, |row| row.recipient))
        .bind(column(rows, |row| row.lane))
        .bind(column(rows, |row| as_position(row.place.position)))
        .bind(column(rows, |row| i64::from(row.place.ordinal)))
        .bind(column(rows, |row| row.kind.clone()))
        .bind(column(rows, |row| row.data.clone()))
        .bind(column(rows, |row| row.occurred_at))
        .bind(column(rows, |row| row.next_at))
        .execute(connection)
        .await
        .map(drop)
}

/// One field of all rows.
pub(in crate::notifications) fn column<R, T>(rows: &[R], field: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(field).collect()
}

pub(super) async fn add_webhook(
    connection: &mut PgConnection,
    webhook: &Webhook,
    most: usize,
) -> Result<bool, sqlx::Error> {
    sqlx::query(sql!("lock_webhooks"))
        .bind(webhook.organizer.to_string())
        .execute(&mut *connection)
        .await?;
    let count: i64 = sqlx::query_scalar(sql!("count_webhooks"))
        .bind(webhook.organizer)
        .fetch_one(&mut *connection)
        .await?;
    if count >= as_limit(most) {
        return Ok(false);
    }
    sqlx::query(sql!("insert_webhook"))
        .bind(webhook.id)
        .bind(webhook.organizer)
        .bind(&webhook.url)
        .bind(json!(webhook.kinds).to_string())
        .bind(as_position(webhook.since))
        .bind(webhook.created_at)
        .execute(connection)
        .await?;
    Ok(true)
}

pub(super) async fn remove_webhook(
    connection: &mut PgConnection,
    organizer: Uuid,
    id: Uuid,
) -> Result<bool, sqlx::Error> {
    let removed = sqlx::query(sql!("delete_webhook"))
        .bind(organizer)
        .bind(id)
        .execute(&mut *connection)
        .await?;
    if removed.rows_affected() == 0 {
        return Ok(false);
    }
    let pending = sqlx::query(sql!("delete_pending_of_lane")).bind(id);
    pending.execute(connection).await?;
    Ok(true)
}

pub(super) async fn disable_webhook(
    connection: &mut PgConnection,
    id: Uuid,
    disabled: &Disabled,
) -> Result<(), sqlx::Error> {
    for statement in [sql!("disable_webhook"), sql!("bury_pending_of_lane")] {
        sqlx::query(statement)
            .bind(id)
            .bind(disabled.at)
            .bind(&disabled.reason)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
