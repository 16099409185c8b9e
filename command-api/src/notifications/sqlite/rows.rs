//! Rows as SQLite has them: ids as text, times in microseconds.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::{Row, sqlite::SqliteRow};
use uuid::Uuid;

use crate::notifications::{
    Channel, Delivery, Disabled, Error, Notification, Place, Webhook, unavailable,
};

pub(super) fn notification_row(one: &Notification) -> Value {
    json!([
        one.id,
        one.customer,
        one.place.position,
        one.place.ordinal,
        one.kind,
        one.data,
        one.occurred_at.timestamp_micros()
    ])
}

pub(super) fn delivery_row(one: &Delivery) -> Value {
    json!([
        one.id,
        one.channel.name(),
        one.recipient,
        one.lane,
        one.place.position,
        one.place.ordinal,
        one.kind,
        one.data,
        one.occurred_at.timestamp_micros(),
        one.next_at.timestamp_micros()
    ])
}

pub(in crate::notifications) fn notification(row: &SqliteRow) -> Result<Notification, Error> {
    Ok(Notification {
        id: id(row, "notification_id")?,
        customer: id(row, "customer_id")?,
        place: place(row)?,
        kind: row.get("kind"),
        data: row.get("data"),
        occurred_at: micros(row.get("occurred_at"))?,
    })
}

pub(in crate::notifications) fn delivery(row: &SqliteRow) -> Result<Delivery, Error> {
    let channel: &str = row.get("channel");
    Ok(Delivery {
        id: id(row, "notification_id")?,
        channel: Channel::named(channel).ok_or_else(|| unavailable("unknown channel"))?,
        recipient: id(row, "recipient")?,
        lane: id(row, "lane")?,
        place: place(row)?,
        kind: row.get("kind"),
        data: row.get("data"),
        occurred_at: micros(row.get("occurred_at"))?,
        attempts: u32::try_from(row.get::<i64, _>("attempts")).map_err(unavailable)?,
        next_at: micros(row.get("next_at"))?,
        reason: row.get("reason"),
    })
}

pub(in crate::notifications) fn webhook(row: &SqliteRow) -> Result<Webhook, Error> {
    let disabled_at: Option<i64> = row.get("disabled_at");
    let reason: Option<String> = row.get("disabled_reason");
    let disabled = disabled_at.map(micros).transpose()?;
    Ok(Webhook {
        id: id(row, "webhook_id")?,
        organizer: id(row, "organizer_id")?,
        url: row.get("url"),
        kinds: serde_json::from_str(row.get("kinds")).map_err(unavailable)?,
        since: u64::try_from(row.get::<i64, _>("since")).map_err(unavailable)?,
        created_at: micros(row.get("created_at"))?,
        disabled: disabled.map(|at| Disabled {
            at,
            reason: reason.unwrap_or_default(),
        }),
    })
}

pub(super) fn place(row: &SqliteRow) -> Result<Place, Error> {
    Ok(Place {
        position: u64::try_from(row.get::<i64, _>("position")).map_err(unavailable)?,
        ordinal: u32::try_from(row.get::<i64, _>("ordinal")).map_err(unavailable)?,
    })
}

pub(super) fn id(row: &SqliteRow, column: &str) -> Result<Uuid, Error> {
    Uuid::parse_str(row.get(column)).map_err(unavailable)
}

pub(super) fn micros(micros: i64) -> Result<DateTime<Utc>, Error> {
    DateTime::from_timestamp_micros(micros).ok_or_else(|| unavailable(format!("no time: {micros}")))
}
