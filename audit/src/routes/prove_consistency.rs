//! `GET /v1/audit/consistency`

use axum::extract::State;
use edge::{Json, Query, problem::ProblemBody};
use serde::Deserialize;

use crate::{
    error::Error,
    seals::proof::{ConsistencyProof, prove_consistency},
    state::AppState,
};

/// Between which heads.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Params {
    /// How many events the older head covers.
    from: u64,
    /// How many the newer one does.
    to: u64,
}

/// Proves that the log of the newer head begins with the log of the older one. For anyone: it names nothing but hashes.
#[utoipa::path(
    get,
    path = "/v1/audit/consistency",
    tag = "audit",
    params(Params),
    responses(
        (status = 200, description = "What proves it", body = ConsistencyProof),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "This installation signs no heads", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Not sealed yet, or a dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn prove_log_consistency(
    State(state): State<AppState>,
    Query(Params { from, to }): Query<Params>,
) -> Result<Json<ConsistencyProof>, Error> {
    if from == 0 || from > to {
        return Err(Error::InvalidParameter {
            name: "from",
            detail: "1 to the value of to".to_owned(),
        });
    }
    let sealing = state.sealing()?;
    Ok(Json(prove_consistency(&*sealing.seals, from, to).await?))
}
