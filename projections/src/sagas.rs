//! Sagas: how far each payment has come. The payment's own events, and the show's word that one was given up.

use domain::{ids::PaymentId, payment, show, stored::DomainEvent};
use read_model::{
    ProjectionId, Rows,
    tables::{Saga, SagaState},
};

use crate::{Effect, Error, Event, Needs, Projection};

/// Sagas.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sagas;

/// The payment whose saga an event moves.
fn changed_by(event: &Event) -> Option<PaymentId> {
    match &event.event {
        DomainEvent::Payment(_) => Some(PaymentId(event.id)),
        DomainEvent::Show(show::Event::PaymentAbandoned { payment_id, .. }) => Some(*payment_id),
        DomainEvent::Show(
            show::Event::ShowScheduled { .. }
            | show::Event::SeatsListed { .. }
            | show::Event::StandingListed { .. }
            | show::Event::SeatsHeld { .. }
            | show::Event::HoldExtended { .. }
            | show::Event::HoldReleased { .. }
            | show::Event::HoldExpired { .. }
            | show::Event::ReservationConfirmed { .. }
            | show::Event::ReservationCancelled { .. }
            | show::Event::SeatsBlocked { .. }
            | show::Event::SeatsUnblocked { .. }
            | show::Event::ShowCancelled { .. },
        )
        | DomainEvent::Venue(_)
        | DomainEvent::Concert(_)
        | DomainEvent::PointAccount(_)
        | DomainEvent::Customer(_)
        | DomainEvent::Operation(_)
        | DomainEvent::WaitingRoom(_)
        | DomainEvent::Drop(_) => None,
    }
}

impl Projection for Sagas {
    fn id(&self) -> ProjectionId {
        ProjectionId::Sagas
    }

    fn needs(&self, event: &Event, needs: &mut Needs) {
        if let Some(id) = changed_by(event) {
            let requested = matches!(
                &event.event,
                DomainEvent::Payment(payment::Event::PaymentRequested { .. })
            );
            needs.saga(id, Effect::makes(requested));
        }
    }

    fn apply(&self, event: &Event, rows: &mut Rows) -> Result<(), Error> {
        let Some(id) = changed_by(event) else {
            return Ok(());
        };
        if let DomainEvent::Payment(payment::Event::PaymentRequested {
            reservation_id,
            show_id,
            customer_id,
            ..
        }) = &event.event
        {
            let row = Saga {
                payment_id: id,
                reservation_id: *reservation_id,
                show_id: *show_id,
                customer_id: *customer_id,
                state: SagaState::Running,
                refund_requested: false,
                since: event.recorded_at,
                updated: event.recorded_at,
                position: event.position,
            };
            rows.sagas.insert(id, row);
            return Ok(());
        }
        let row = rows.sagas.get_mut(&id);
        let row = row.ok_or_else(|| event.missing("sagas", id))?;
        let state = next_state(row, &event.event);
        if state != row.state {
            row.state = state;
            row.since = event.recorded_at;
        }
        row.updated = event.recorded_at;
        row.position = event.position;
        Ok(())
    }
}

/// Where a saga stands after an event that moves it; notes that a refund was asked for.
fn next_state(row: &mut Saga, event: &DomainEvent) -> SagaState {
    match event {
        DomainEvent::Payment(payment) => match payment {
            payment::Event::PaymentRequested { .. } => SagaState::Running,
            payment::Event::PaymentCompleted { .. } if row.refund_requested => SagaState::Refunding,
            payment::Event::PaymentCompleted { .. } => SagaState::Completed,
            payment::Event::PaymentFailed { .. } => SagaState::Failed,
            payment::Event::RefundRequested { .. } => {
                row.refund_requested = true;
                match row.state {
                    SagaState::Completed => SagaState::Refunding,
                    SagaState::Running
                    | SagaState::Compensating
                    | SagaState::Failed
                    | SagaState::Refunding
                    | SagaState::Refunded => row.state,
                }
            }
            payment::Event::PaymentRefunded { .. } => SagaState::Refunded,
        },
        // Of a show's events only the abandonment comes here.
        DomainEvent::Show(_) if row.state == SagaState::Running => SagaState::Compensating,
        DomainEvent::Show(_)
        | DomainEvent::Venue(_)
        | DomainEvent::Concert(_)
        | DomainEvent::PointAccount(_)
        | DomainEvent::Customer(_)
        | DomainEvent::Operation(_)
        | DomainEvent::WaitingRoom(_)
        | DomainEvent::Drop(_) => row.state,
    }
}
