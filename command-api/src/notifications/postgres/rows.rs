//! Rows as Postgres has them.

use chrono::{DateTime, Utc};
use sqlx::{Row, postgres::PgRow};

use crate::notifications::{
    Channel, Delivery, Disabled, Error, Notification, Place, Webhook, unavailable,
};

pub(in crate::notifications) fn notification(row: &PgRow) -> Result<Notification, Error> {
    Ok(Notification {
        id: row.get("notification_id"),
        customer: row.get("customer_id"),
        place: place(row)?,
        kind: row.get("kind"),
        data: row.get("data"),
        occurred_at: row.get("occurred_at"),
    })
}

pub(in crate::notifications) fn delivery(row: &PgRow) -> Result<Delivery, Error> {
    let channel: &str = row.get("channel");
    Ok(Delivery {
        id: row.get("notification_id"),
        channel: Channel::named(channel).ok_or_else(|| unavailable("unknown channel"))?,
        recipient: row.get("recipient"),
        lane: row.get("lane"),
        place: place(row)?,
        kind: row.get("kind"),
        data: row.get("data"),
        occurred_at: row.get("occurred_at"),
        attempts: u32::try_from(row.get::<i64, _>("attempts")).map_err(unavailable)?,
        next_at: row.get("next_at"),
        reason: row.get("reason"),
    })
}

pub(in crate::notifications) fn webhook(row: &PgRow) -> Result<Webhook, Error> {
    let disabled_at: Option<DateTime<Utc>> = row.get("disabled_at");
    let reason: Option<String> = row.get("disabled_reason");
    Ok(Webhook {
        id: row.get("webhook_id"),
        organizer: row.get("organizer_id"),
        url: row.get("url"),
        kinds: serde_json::from_str(row.get("kinds")).map_err(unavailable)?,
        since: u64::try_from(row.get::<i64, _>("since")).map_err(unavailable)?,
        created_at: row.get("created_at"),
        disabled: disabled_at.map(|at| Disabled {
            at,
            reason: reason.unwrap_or_default(),
        }),
    })
}

pub(super) fn place(row: &PgRow) -> Result<Place, Error> {
    Ok(Place {
        position: u64::try_from(row.get::<i64, _>("position")).map_err(unavailable)?,
        ordinal: u32::try_from(row.get::<i64, _>("ordinal")).map_err(unavailable)?,
    })
}
