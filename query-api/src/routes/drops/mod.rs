//! Drops: how they stand, how an entry stands, and the proof of the draw.

pub(super) mod entry_stream;
pub(super) mod get_drop;
pub(super) mod get_entry;
pub(super) mod get_proof;

use chrono::{DateTime, Utc};
use domain::{
    drop::Status,
    ids::{DropEntryId, DropId},
};
use read_model::{
    At, ProjectionId,
    tables::{Drop, DropEntry},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{answer::found, error::Error, freshness::AtLeast, state::AppState};

/// How an entry stands, as clients read it. Who was next to the end has lost: logs older than `StandbysDismissed` do not say so.
fn status(status: Status, is_over: bool) -> &'static str {
    match status {
        Status::Entered => "entered",
        Status::Won => "winning",
        Status::Standby if is_over => "lost",
        Status::Standby => "standby",
        Status::Lost => "lost",
        Status::Paid => "won",
        Status::Forfeited => "forfeited",
    }
}

/// What the draw rests on.
fn fairness(drop: &Drop) -> &'static str {
    if drop.is_beyond_the_operator() {
        "beacon"
    } else {
        "operator-trusted"
    }
}

/// An entry of a drop.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EntryView {
    entry_id: Uuid,
    drop_id: Uuid,
    /// `entered`, `winning` (the price is being debited), `won`, `standby` (next, if a winner can't pay), `lost` or `forfeited`.
    status: &'static str,
    /// Whether nothing about it will change any more.
    #[serde(rename = "final")]
    is_final: bool,
    /// Place in the list, from 0.
    number: u32,
    /// 16 hexadecimal digits, once drawn: below the drop's `threshold`, it wins.
    lot: Option<String>,
    /// Place among the winning lots, from 1.
    place: Option<u32>,
    /// Why it was forfeited.
    code: Option<String>,
    entered_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl EntryView {
    fn of(row: DropEntry, is_over: bool) -> Self {
        let is_settled = matches!(row.status, Status::Lost | Status::Paid | Status::Forfeited);
        Self {
            entry_id: row.entry_id.0,
            drop_id: row.drop_id.0,
            status: status(row.status, is_over),
            is_final: is_over || is_settled,
            number: row.number,
            lot: row.lot.map(|lot| lot.to_string()),
            place: row.place,
            code: row.code,
            entered_at: row.entered_at,
            updated_at: row.updated_at,
        }
    }

    /// Names how it stands, in a stream.
    fn mark(&self) -> String {
        format!("{}.{}", self.status, u8::from(self.is_final))
    }
}

/// A customer's own entry of this drop, as it stands at a position or later.
async fn own_entry(
    state: &AppState,
    at_least: AtLeast,
    drop: DropId,
    entry: DropEntryId,
    customer: Uuid,
) -> Result<At<EntryView>, Error> {
    let (model, drops) = (&state.deps.read_model, [ProjectionId::Drops]);
    let of = || model.fair_drop(drop);
    let of = state.freshness.read(at_least, &drops, of).await?.value;
    let over = of.filter(|drop| drop.secret.is_some());
    // The entry after it, from a server that has come as far: nothing changes one of a drop that is over.
    let settled = over.as_ref().map_or(0, |drop| drop.position);
    let at_least = AtLeast(at_least.0.max(settled));
    let entry = || model.drop_entry(entry);
    let At { position, value } = state.freshness.read(at_least, &drops, entry).await?;
    let own = |row: &DropEntry| row.drop_id == drop && row.customer_id.0 == customer;
    let value = value.filter(own);
    let row = found(At { position, value }, "entry")?;
    Ok(row.map(|row| EntryView::of(row, over.is_some())))
}
