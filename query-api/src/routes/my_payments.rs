//! `GET /v1/me/payments`

use axum::extract::State;
use edge::{
    Query,
    auth::{Principal, Role},
    problem::ProblemBody,
};
use read_model::ProjectionId;

use crate::{
    answer::Answer,
    error::Error,
    freshness::AtLeast,
    lists::{List, PageParams},
    routes::get_payment::PaymentView,
    state::AppState,
};

/// Lists the caller's payments, newest first.
#[utoipa::path(
    get,
    path = "/v1/me/payments",
    tag = "payments",
    security(("bearer" = [])),
    params(
        PageParams,
        ("At-Least-Position" = Option<u64>, Header, description = "Position that the answer must show; waits up to 2 s"),
    ),
    responses(
        (status = 200, description = "Payments, newest first", body = List<PaymentView>, headers(("Position" = u64, description = "Position that the answer shows"))),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Another role is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`not_caught_up`, or a dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn my_payments(
    State(state): State<AppState>,
    principal: Principal,
    Query(params): Query<PageParams>,
    at_least: AtLeast,
) -> Result<Answer<List<PaymentView>>, Error> {
    principal.require(Role::Customer)?;
    let page = params.page()?;
    let query = || {
        state
            .deps
            .read_model
            .payments_of(principal.id.into(), &page)
    };
    let at = state
        .freshness
        .read(at_least, &[ProjectionId::Payments], query)
        .await?;
    Ok(Answer(at.map(|page| List::of(page, PaymentView::from))))
}
