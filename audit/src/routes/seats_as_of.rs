//! `GET /v1/audit/shows/{id}/seats`

use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use edge::{
    Json, Path, Query,
    auth::{Principal, Role},
    problem::ProblemBody,
};
use read_model::SeatMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{at, moment};
use crate::{
    as_of::{Moment, seat_map},
    error::Error,
    state::AppState,
};

/// When; the present unless given.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// At this instant.
    as_of: Option<DateTime<Utc>>,
    /// Right behind the event at this position.
    as_of_position: Option<u64>,
}

/// A show's seats as they were.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SeatMapAsOf {
    show_id: Uuid,
    /// Where in the log the last change to the map stands, of those that had happened.
    position: u64,
    /// The instant that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<DateTime<Utc>>,
    /// The position that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of_position: Option<u64>,
    seats: Vec<SeatAsOf>,
    standing: Vec<AreaAsOf>,
}

/// A seat.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SeatAsOf {
    #[schema(example = "A-1-7")]
    seat_guid: String,
    zone: String,
    row: String,
    number: String,
    category: String,
    /// Points.
    price: i64,
    /// To the right, in the plan's own unit.
    x: f64,
    /// Downwards.
    y: f64,
    /// `available`, `held`, `sold` or `blocked`.
    status: &'static str,
}

/// A standing area.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AreaAsOf {
    name: String,
    category: String,
    /// Points for one place.
    price: i64,
    /// Free places.
    available: u32,
}

impl SeatMapAsOf {
    fn new(map: &SeatMap, moment: Moment) -> Self {
        let seats = map.seats().map(|view| SeatAsOf {
            seat_guid: view.seat.seat_guid.to_owned(),
            zone: view.seat.zone.to_owned(),
            row: view.seat.row.to_owned(),
            number: view.seat.number.to_owned(),
            category: view.seat.category.to_owned(),
            price: view.seat.price,
            x: units(view.seat.x),
            y: units(view.seat.y),
            status: view.status.as_str(),
        });
        let standing = map.standing().map(|view| AreaAsOf {
            name: view.area.name.to_string(),
            category: view.area.category.to_string(),
            price: view.area.price,
            available: view.available,
        });
        let (as_of, as_of_position) = match moment {
            Moment::Time(time) => (Some(time), None),
            Moment::Position(position) => (None, Some(position)),
        };
        Self {
            show_id: map.show_id().0,
            position: map.position(),
            as_of,
            as_of_position,
            seats: seats.collect(),
            standing: standing.collect(),
        }
    }
}

/// Hundredths of the plan's unit, in its unit.
#[expect(
    clippy::cast_precision_loss,
    reason = "exact up to 2^53 hundredths, far beyond any plan"
)]
fn units(hundredths: i64) -> f64 {
    hundredths as f64 / 100.0
}

/// Shows a show's seat map as it was at a position of the log or at an instant, from the log itself.
#[utoipa::path(
    get,
    path = "/v1/audit/shows/{id}/seats",
    tag = "audit",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The show"), Params),
    responses(
        (status = 200, description = "The seats as they were", body = SeatMapAsOf, headers(("Position" = u64, description = "Position that the answer shows"))),
        (status = 404, description = "Unknown, or not there yet at that moment", body = ProblemBody, content_type = "application/problem+json"),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Another role is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn seats_as_of(
    State(state): State<AppState>,
    principal: Principal,
    Path(show): Path<Uuid>,
    Query(params): Query<Params>,
) -> Result<Response, Error> {
    principal.require(Role::Auditor)?;
    let log = state.deps.log.as_ref();
    let moment = moment(log, params.as_of, params.as_of_position).await?;
    let map = seat_map(log, show, moment).await?;
    let map = map.ok_or(Error::NotFound("show"))?;
    let body = SeatMapAsOf::new(&map, moment);
    Ok(at(map.position(), Json(body)))
}
