//! `GET /v1/drops/{id}`

use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::{
    drop::{Beacon, CloseReason, DrawMode, Probability},
    ids::DropId,
};
use edge::{Path, problem::ProblemBody};
use read_model::{ProjectionId, tables::Drop};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::fairness;
use crate::{
    answer::{Answer, found},
    error::Error,
    freshness::AtLeast,
    state::AppState,
};

/// A drop.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DropView {
    drop_id: Uuid,
    title: String,
    /// `scheduled`, `open`, `closed` (no more entries; drawn and paid from now on), `awaiting_beacon` or `over`.
    status: &'static str,
    stock: u32,
    stock_left: u32,
    win_probability: String,
    /// floor(p x 2^64), in decimals: a lot below it wins.
    threshold: String,
    price: i64,
    opens_at: DateTime<Utc>,
    closes_at: DateTime<Utc>,
    #[schema(value_type = DrawModeView)]
    draw: DrawMode,
    /// `beacon` or `operator-trusted`.
    fairness: &'static str,
    /// SHA-256 of the secret, in hexadecimal.
    commitment: String,
    #[schema(value_type = Option<BeaconView>)]
    beacon: Option<Beacon>,
    beacon_value: Option<String>,
    show_id: Option<Uuid>,
    closed_at: Option<DateTime<Utc>>,
    #[schema(value_type = Option<CloseReasonView>)]
    close_reason: Option<CloseReason>,
    /// Merkle root of the list of entries, in hexadecimal, once it is closed.
    root: Option<String>,
    /// When the root was published.
    sealed_at: Option<DateTime<Utc>>,
    entries: u32,
    drawn: u32,
    /// Winning lots, whether or not the stock is enough for them.
    winning: u32,
    /// Winners who have paid.
    won: u32,
    forfeited: u32,
}

/// When entries are drawn.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the domain's type")]
pub(crate) enum DrawModeView {
    AtClose,
    OnEntry,
}

/// Why no entry is accepted any more.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the domain's type")]
pub(crate) enum CloseReasonView {
    Time,
    Stock,
    Organizer,
}

/// The public value that is mixed in.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the domain's type")]
pub(crate) struct BeaconView {
    source: String,
    round: u64,
}

impl DropView {
    fn of(row: Drop, now: DateTime<Utc>) -> Self {
        let threshold = row.win_probability.parse::<Probability>();
        Self {
            status: status(&row, now),
            fairness: fairness(&row),
            drop_id: row.drop_id.0,
            title: row.title,
            stock: row.stock,
            stock_left: row.stock_left,
            threshold: threshold.map_or_else(|_| String::new(), |p| p.threshold().to_string()),
            win_probability: row.win_probability,
            price: row.price,
            opens_at: row.opens_at,
            closes_at: row.closes_at,
            draw: row.draw,
            commitment: row.commitment,
            beacon: row.beacon,
            beacon_value: row.beacon_value,
            show_id: row.show_id.map(|id| id.0),
            closed_at: row.closed_at,
            close_reason: row.close_reason,
            root: row.root,
            sealed_at: row.sealed_at,
            entries: row.entries,
            drawn: row.drawn,
            winning: row.winning,
            won: row.paid,
            forfeited: row.forfeited,
        }
    }
}

fn status(row: &Drop, now: DateTime<Utc>) -> &'static str {
    let awaits_beacon = row.root.is_some() && row.beacon.is_some() && row.beacon_value.is_none();
    if row.secret.is_some() {
        "over"
    } else if awaits_beacon {
        "awaiting_beacon"
    } else if row.closed_at.is_some() || now >= row.closes_at {
        "closed"
    } else if now < row.opens_at {
        "scheduled"
    } else {
        "open"
    }
}

/// Shows a drop.
#[utoipa::path(
    get,
    path = "/v1/drops/{id}",
    tag = "drops",
    params(
        ("id" = Uuid, Path, description = "The drop"),
        ("At-Least-Position" = Option<u64>, Header, description = "Position that the answer must show; waits up to 2 s"),
    ),
    responses(
        (status = 200, description = "The drop", body = DropView, headers(("Position" = u64, description = "Position that the answer shows"))),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`not_caught_up`, or a dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_drop(
    State(state): State<AppState>,
    Path(id): Path<DropId>,
    at_least: AtLeast,
) -> Result<Answer<DropView>, Error> {
    let query = || state.deps.read_model.fair_drop(id);
    let at = state
        .freshness
        .read(at_least, &[ProjectionId::Drops], query);
    let now = state.deps.clock.now();
    Ok(Answer(
        found(at.await?, "drop")?.map(|row| DropView::of(row, now)),
    ))
}
