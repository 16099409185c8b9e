//! How far the payments' sagas are, for those who operate them.

use chrono::{DateTime, TimeDelta, Utc};
use read_model::{At, Items, Page, ReadModel, SagaCounts, SagaFilter, tables};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::Error;

/// A saga that has not left a state after so long, though it should by itself, is stuck. A request has its payment to itself for 10 s;
/// by now the process manager has then tried six times, with pauses of 1 s doubled each time.
pub const STUCK_AFTER: TimeDelta = TimeDelta::seconds(60);

/// How far the sagas are.
#[derive(Debug, Serialize, ToSchema)]
pub struct SagasView {
    /// Everything in the log up to here is in the answer.
    pub position: u64,
    /// How many there are in each state, of the show asked for or of all shows, whatever state was asked for.
    pub counts: SagaCountsView,
    /// Oldest payment first.
    pub items: Vec<SagaView>,
    /// Where the next page begins; `null` at the end of the list.
    pub next_cursor: Option<String>,
}

/// How many sagas there are in each state; of all shows together, 100,000 stands for as many or more.
#[derive(Debug, Serialize, ToSchema)]
pub struct SagaCountsView {
    /// On their way to a sale.
    pub running: u64,
    /// Ended with a sale.
    pub completed: u64,
    /// Given up; what was debited is being given back.
    pub compensating: u64,
    /// Ended without a sale.
    pub failed: u64,
    /// Their sales are being undone.
    pub refunding: u64,
    /// Ended with their sales undone.
    pub refunded: u64,
    /// Running, compensating or refunding for a minute or longer.
    pub stuck: u64,
}

/// The saga of one payment.
#[derive(Debug, Serialize, ToSchema)]
pub struct SagaView {
    /// The payment.
    pub payment_id: Uuid,
    /// What it pays for.
    pub reservation_id: Uuid,
    /// Of which show.
    pub show_id: Uuid,
    /// Who pays.
    pub customer_id: Uuid,
    /// Where it stands.
    #[schema(value_type = SagaState)]
    pub state: &'static str,
    /// Whether it has been running, compensating or refunding for a minute or longer.
    pub stuck: bool,
    /// Whether its sale is to be undone.
    pub refund_requested: bool,
    /// Since when it has stood there.
    pub since: DateTime<Utc>,
    /// How long ago that is, in milliseconds.
    pub age_ms: u64,
    /// Position of the last event that moved it.
    pub position: u64,
}

/// Where a saga stands.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the read model's type")]
pub(crate) enum SagaState {
    Running,
    Completed,
    Compensating,
    Failed,
    Refunding,
    Refunded,
}

/// Tells how far the sagas are at `now`: a page of those that `filter` lets through, and counts of them all.
///
/// # Errors
/// The read model's.
pub(crate) async fn sagas(
    read_model: &dyn ReadModel,
    filter: &SagaFilter,
    page: &Page,
    now: DateTime<Utc>,
) -> Result<SagasView, Error> {
    let stuck_since = now - STUCK_AFTER;
    let counted = read_model.saga_counts(filter.show_id, stuck_since).await?;
    let listed = read_model.sagas(filter, page).await?;
    Ok(view(&counted, listed, now))
}

fn view(
    counted: &At<SagaCounts>,
    listed: At<Items<tables::Saga>>,
    now: DateTime<Utc>,
) -> SagasView {
    let Items { items, next_cursor } = listed.value;
    SagasView {
        position: counted.position.min(listed.position),
        counts: counts(&counted.value),
        items: items.iter().map(|saga| item(saga, now)).collect(),
        next_cursor,
    }
}

fn counts(counts: &SagaCounts) -> SagaCountsView {
    use tables::SagaState;
    SagaCountsView {
        running: counts.of(SagaState::Running),
        completed: counts.of(SagaState::Completed),
        compensating: counts.of(SagaState::Compensating),
        failed: counts.of(SagaState::Failed),
        refunding: counts.of(SagaState::Refunding),
        refunded: counts.of(SagaState::Refunded),
        stuck: counts.stuck,
    }
}

fn item(saga: &tables::Saga, now: DateTime<Utc>) -> SagaView {
    let age = now - saga.since;
    SagaView {
        payment_id: saga.payment_id.0,
        reservation_id: saga.reservation_id.0,
        show_id: saga.show_id.0,
        customer_id: saga.customer_id.0,
        state: saga.state.as_str(),
        stuck: !saga.state.has_ended() && age >= STUCK_AFTER,
        refund_requested: saga.refund_requested,
        since: saga.since,
        age_ms: u64::try_from(age.num_milliseconds()).unwrap_or_default(),
        position: saga.position,
    }
}
