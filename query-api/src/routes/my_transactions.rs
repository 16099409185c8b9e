//! `GET /v1/me/points/transactions`

use axum::extract::State;
use chrono::{DateTime, Utc};
use edge::{
    Query,
    auth::{Principal, Role},
    problem::ProblemBody,
};
use read_model::{
    ProjectionId,
    tables::{Transaction, TransactionKind},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    answer::Answer,
    error::Error,
    freshness::AtLeast,
    lists::{List, PageParams},
    state::AppState,
};

/// One movement of points.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TransactionView {
    #[schema(value_type = TransactionState)]
    kind: TransactionKind,
    /// Points, never negative: `kind` says which way.
    amount: i64,
    balance_after: i64,
    /// The top-up, of a charge.
    charge_id: Option<Uuid>,
    /// The payment, of a debit or credit.
    payment_id: Option<Uuid>,
    at: DateTime<Utc>,
    /// Where in the log it stands.
    position: u64,
}

/// Which way points moved.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the read model's type")]
pub(crate) enum TransactionState {
    Charge,
    Debit,
    Credit,
}

impl From<Transaction> for TransactionView {
    fn from(row: Transaction) -> Self {
        Self {
            kind: row.kind,
            amount: row.amount,
            balance_after: row.balance_after,
            charge_id: row.charge_id.map(|id| id.0),
            payment_id: row.payment_id.map(|id| id.0),
            at: row.at,
            position: row.position,
        }
    }
}

/// Lists what moved the caller's points, newest first.
#[utoipa::path(
    get,
    path = "/v1/me/points/transactions",
    tag = "points",
    security(("bearer" = [])),
    params(
        PageParams,
        ("At-Least-Position" = Option<u64>, Header, description = "Position that the answer must show; waits up to 2 s"),
    ),
    responses(
        (status = 200, description = "Transactions, newest first", body = List<TransactionView>, headers(("Position" = u64, description = "Position that the answer shows"))),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Another role is needed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`not_caught_up`, or a dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn my_transactions(
    State(state): State<AppState>,
    principal: Principal,
    Query(params): Query<PageParams>,
    at_least: AtLeast,
) -> Result<Answer<List<TransactionView>>, Error> {
    principal.require(Role::Customer)?;
    let page = params.page()?;
    let query = || {
        state
            .deps
            .read_model
            .transactions_of(principal.id.into(), &page)
    };
    let at = state
        .freshness
        .read(at_least, &[ProjectionId::Points], query)
        .await?;
    Ok(Answer(at.map(|page| List::of(page, TransactionView::from))))
}
