//! `GET /v1/shows/{id}`

use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::ids::ShowId;
use edge::{Path, problem::ProblemBody};
use read_model::{
    ProjectionId,
    tables::{ShowStatus, ShowWithCounts},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    answer::{Answer, found},
    error::Error,
    freshness::AtLeast,
    state::AppState,
};

/// What a show is made of: both must have come as far as the answer says.
pub(crate) const PROJECTIONS: [ProjectionId; 2] = [ProjectionId::Catalogue, ProjectionId::SeatMaps];

/// A show and how its places stand, seats and standing together.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShowView {
    show_id: Uuid,
    concert_id: Uuid,
    venue_id: Uuid,
    organizer_id: Uuid,
    #[schema(value_type = ShowState)]
    status: ShowStatus,
    starts_at: DateTime<Utc>,
    /// First instant at which a hold is accepted.
    on_sale_at: DateTime<Utc>,
    /// First instant at which none is accepted any more.
    off_sale_at: Option<DateTime<Utc>>,
    hold_seconds: u32,
    max_seats_per_customer: u32,
    /// Whether a hold may not leave a single free seat.
    no_stranded_seats: bool,
    cancelled_at: Option<DateTime<Utc>>,
    cancel_reason: Option<String>,
    capacity: u32,
    available: u32,
    held: u32,
    sold: u32,
    blocked: u32,
    categories: Vec<CategoryView>,
}

/// What is left of a category.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CategoryView {
    name: String,
    /// Points for one place.
    price: i64,
    available: u32,
}

/// Whether a show sells.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the read model's type")]
pub(crate) enum ShowState {
    Scheduled,
    OnSale,
    OffSale,
    Cancelled,
}

impl ShowView {
    /// The show as it is at `now`: a sale begins and ends by time alone.
    pub(crate) fn at(now: DateTime<Utc>, row: ShowWithCounts) -> Self {
        let ShowWithCounts { show, counts } = row;
        let categories = counts.categories.into_iter().map(|category| CategoryView {
            name: category.name,
            price: category.price,
            available: category.available,
        });
        Self {
            status: show.status(now),
            show_id: show.show_id.0,
            concert_id: show.concert_id.0,
            venue_id: show.venue_id.0,
            organizer_id: show.organizer_id.0,
            starts_at: show.starts_at,
            on_sale_at: show.on_sale_at,
            off_sale_at: show.off_sale_at,
            hold_seconds: show.hold_seconds,
            max_seats_per_customer: show.max_seats_per_customer,
            no_stranded_seats: show.no_stranded_seats,
            cancelled_at: show.cancelled_at,
            cancel_reason: show.cancel_reason,
            capacity: counts.capacity,
            available: counts.available,
            held: counts.held,
            sold: counts.sold,
            blocked: counts.blocked,
            categories: categories.collect(),
        }
    }
}

/// Shows one show and how its places stand.
#[utoipa::path(
    get,
    path = "/v1/shows/{id}",
    tag = "catalogue",
    params(
        ("id" = Uuid, Path, description = "The show"),
        ("At-Least-Position" = Option<u64>, Header, description = "Position that the answer must show; waits up to 2 s"),
    ),
    responses(
        (status = 200, description = "The show", body = ShowView, headers(("Position" = u64, description = "Position that the answer shows"))),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown, or another's", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`not_caught_up`, or a dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_show(
    State(state): State<AppState>,
    Path(id): Path<ShowId>,
    at_least: AtLeast,
) -> Result<Answer<ShowView>, Error> {
    let query = || state.deps.read_model.show(id);
    let at = state.freshness.read(at_least, &PROJECTIONS, query).await?;
    let now = state.deps.clock.now();
    Ok(Answer(found(at, "show")?.map(|row| ShowView::at(now, row))))
}
