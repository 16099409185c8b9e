//! `GET /v1/shows/{id}/cancellation`

use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::ids::ShowId;
use edge::{
    Path,
    auth::{Principal, Role},
    problem::ProblemBody,
};
use read_model::{
    At, ProjectionId, SagaCounts,
    tables::{SagaState, ShowWithCounts},
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

/// What the answer is made of: all must have come as far as it says.
const PROJECTIONS: [ProjectionId; 3] = [
    ProjectionId::Catalogue,
    ProjectionId::SeatMaps,
    ProjectionId::Sagas,
];

/// How far a show is that was called off.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CancellationView {
    show_id: Uuid,
    cancelled_at: DateTime<Utc>,
    reason: Option<String>,
    /// Places, seats and standing together, that are still held or sold; given up as soon as their refunds are under way.
    places_left: u32,
    payments: PaymentsView,
    /// Whether everything is given up and everybody has the points back.
    finished: bool,
}

/// The show's payments, by what is still to happen to them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PaymentsView {
    /// Not ended when the show was called off: each ends first, then fails or is refunded.
    running: u64,
    /// Completed, and still to be undone.
    to_refund: u64,
    /// Being undone.
    refunding: u64,
    /// Undone: the points are back.
    refunded: u64,
    /// Ended without a sale: nothing is to be undone.
    failed: u64,
}

impl CancellationView {
    /// `None` for a show that was not called off. `sagas_at`: how far its payments are known.
    fn of(row: ShowWithCounts, sagas: &SagaCounts, sagas_at: u64) -> Option<Self> {
        let ShowWithCounts { show, counts } = row;
        let payments = PaymentsView {
            running: sagas.of(SagaState::Running) + sagas.of(SagaState::Compensating),
            to_refund: sagas.of(SagaState::Completed),
            refunding: sagas.of(SagaState::Refunding),
            refunded: sagas.of(SagaState::Refunded),
            failed: sagas.of(SagaState::Failed),
        };
        let places_left = counts.held + counts.sold;
        let left = payments.running + payments.to_refund + payments.refunding;
        Some(Self {
            show_id: show.show_id.0,
            cancelled_at: show.cancelled_at?,
            reason: show.cancel_reason,
            places_left,
            payments,
            // Nothing is sold after the cancellation, the last change of the show's row: all that is to be refunded is known by then.
            finished: places_left == 0 && left == 0 && sagas_at >= show.position,
        })
    }
}

/// Shows the organizer of a show that was called off how far its refunds are.
#[utoipa::path(
    get,
    path = "/v1/shows/{id}/cancellation",
    tag = "catalogue",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "The show"),
        ("At-Least-Position" = Option<u64>, Header, description = "Position that the answer must show; waits up to 2 s"),
    ),
    responses(
        (status = 200, description = "How far it is", body = CancellationView, headers(("Position" = u64, description = "Position that the answer shows"))),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Another role is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown, another's, or not called off", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`not_caught_up`, or a dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_cancellation(
    State(state): State<AppState>,
    principal: Principal,
    Path(id): Path<ShowId>,
    at_least: AtLeast,
) -> Result<Answer<CancellationView>, Error> {
    principal.require(Role::Organizer)?;
    let (model, now) = (&state.deps.read_model, state.deps.clock.now());
    let query = async || {
        let sagas = model.saga_counts(Some(id), now).await?;
        let show = model.show(id).await?;
        let own = show
            .value
            .filter(|row| row.show.organizer_id.0 == principal.id);
        Ok(At {
            position: show.position.min(sagas.position),
            value: own.and_then(|row| CancellationView::of(row, &sagas.value, sagas.position)),
        })
    };
    let at = state.freshness.read(at_least, &PROJECTIONS, query).await?;
    Ok(Answer(found(at, "cancellation")?))
}
