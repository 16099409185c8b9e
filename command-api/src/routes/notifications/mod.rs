//! `/v1/me/notifications`: what a customer is told. Read from the ledger, beside the log, and so served here.

pub(super) mod list;
pub(super) mod stream;

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use edge::Problem;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::notifications::Notification;

/// Most items of a page.
pub(super) const MAX_LIMIT: u32 = 100;
/// Items of a page unless said otherwise.
pub(super) const DEFAULT_LIMIT: u32 = 50;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The items, in the list's order.
    pub(super) items: Vec<T>,
    /// Where the next page begins; `null` at the end of the list.
    pub(super) next_cursor: Option<String>,
}

/// Which page.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParams {
    /// 1 to 100; 50 unless given.
    pub(super) limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
}

impl PageParams {
    /// How many items.
    pub(super) fn limit(&self) -> Result<usize, Problem> {
        match self.limit.unwrap_or(DEFAULT_LIMIT) {
            limit if (1..=MAX_LIMIT).contains(&limit) => Ok(limit as usize),
            _ => {
                let detail = format!("limit: 1 to {MAX_LIMIT}");
                let problem = Problem::new(StatusCode::BAD_REQUEST, "invalid_parameter", detail);
                Err(problem.with("at", "limit"))
            }
        }
    }

    /// Behind what; `read` reads a cursor as the list gave it out.
    pub(super) fn cursor<T>(
        &self,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = &self.cursor else {
            return Ok(None);
        };
        let detail = "the cursor is none that this list gave out";
        let refusal = || Problem::new(StatusCode::BAD_REQUEST, "invalid_cursor", detail);
        let cursor = read(text).ok_or_else(|| refusal().with("at", "cursor"))?;
        Ok(Some(cursor))
    }
}

/// A notification.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NotificationBody {
    notification_id: Uuid,
    /// What is told, such as `reservation.confirmed`.
    #[serde(rename = "type")]
    kind: String,
    /// When it happened.
    occurred_at: DateTime<Utc>,
    /// Where in the log: what has a higher one happened later.
    position: u64,
    /// The details; `docs/notifications.md` lists them by type.
    #[schema(value_type = serde_json::Value)]
    data: Box<RawValue>,
}

impl From<Notification> for NotificationBody {
    fn from(one: Notification) -> Self {
        Self {
            notification_id: one.id,
            kind: one.kind,
            occurred_at: one.occurred_at,
            position: one.place.position,
            data: RawValue::from_string(one.data).unwrap_or_default(),
        }
    }
}
