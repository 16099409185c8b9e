//! Reservations: made, and nearly always changed, by their show; a refund ends with their payment.

use domain::{
    ids::{ReservationId, ShowId},
    payment, show,
    stored::DomainEvent,
};
use read_model::{
    ProjectionId, Rows,
    tables::{Reservation, ReservationStatus},
};

use crate::{Effect, Error, Event, Needs, Projection};

/// Reservations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reservations;

/// The reservation that an event makes or changes.
fn changed_by(event: &DomainEvent) -> Option<ReservationId> {
    match event {
        DomainEvent::Show(
            show::Event::SeatsHeld { reservation_id, .. }
            | show::Event::HoldExtended { reservation_id, .. }
            | show::Event::HoldReleased { reservation_id, .. }
            | show::Event::HoldExpired { reservation_id, .. }
            | show::Event::ReservationConfirmed { reservation_id, .. }
            | show::Event::ReservationCancelled { reservation_id, .. },
        )
        | DomainEvent::Payment(payment::Event::PaymentRefunded { reservation_id, .. }) => {
            Some(*reservation_id)
        }
        DomainEvent::Show(
            show::Event::ShowScheduled { .. }
            | show::Event::SeatsListed { .. }
            | show::Event::StandingListed { .. }
            | show::Event::PaymentAbandoned { .. }
            | show::Event::SeatsBlocked { .. }
            | show::Event::SeatsUnblocked { .. }
            | show::Event::ShowCancelled { .. },
        )
        | DomainEvent::Payment(
            payment::Event::PaymentRequested { .. }
            | payment::Event::PaymentCompleted { .. }
            | payment::Event::PaymentFailed { .. }
            | payment::Event::RefundRequested { .. },
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

impl Projection for Reservations {
    fn id(&self) -> ProjectionId {
        ProjectionId::Reservations
    }

    fn needs(&self, event: &Event, needs: &mut Needs) {
        if let Some(id) = changed_by(&event.event) {
            let held = matches!(
                &event.event,
                DomainEvent::Show(show::Event::SeatsHeld { .. })
            );
            needs.reservation(id, Effect::makes(held));
        }
    }

    fn apply(&self, event: &Event, rows: &mut Rows) -> Result<(), Error> {
        let Some(id) = changed_by(&event.event) else {
            return Ok(());
        };
        match &event.event {
            DomainEvent::Show(show) => apply_show(event, show, id, rows)?,
            DomainEvent::Payment(_) => {
                change(event, id, rows)?.status = ReservationStatus::Refunded;
            }
            DomainEvent::Venue(_)
            | DomainEvent::Concert(_)
            | DomainEvent::PointAccount(_)
            | DomainEvent::Customer(_)
            | DomainEvent::Operation(_)
            | DomainEvent::WaitingRoom(_)
            | DomainEvent::Drop(_) => {}
        }
        Ok(())
    }
}

/// The row that an event changes, marked with its position.
fn change<'a>(
    event: &Event,
    id: ReservationId,
    rows: &'a mut Rows,
) -> Result<&'a mut Reservation, Error> {
    let row = rows.reservations.get_mut(&id);
    let row = row.ok_or_else(|| event.missing("reservations", id))?;
    row.position = event.position;
    Ok(row)
}

fn apply_show(
    event: &Event,
    show: &show::Event,
    id: ReservationId,
    rows: &mut Rows,
) -> Result<(), Error> {
    match show {
        show::Event::SeatsHeld {
            organizer_id,
            reservation_id,
            customer_id,
            seats,
            standing,
            amount,
            expires_at,
            pass: _,
        } => {
            let row = Reservation {
                reservation_id: *reservation_id,
                show_id: ShowId(event.id),
                customer_id: *customer_id,
                organizer_id: *organizer_id,
                status: ReservationStatus::Held,
                seats: seats.clone(),
                standing: standing.clone(),
                amount: *amount,
                expires_at: *expires_at,
                payment_id: None,
                held_at: event.recorded_at,
                position: event.position,
            };
            rows.reservations.insert(id, row);
        }
        show::Event::HoldExtended { expires_at, .. } => {
            change(event, id, rows)?.expires_at = *expires_at;
        }
        // A cancelled sale is refunded only when its payment says so.
        show::Event::HoldReleased { .. } | show::Event::ReservationCancelled { .. } => {
            change(event, id, rows)?.status = ReservationStatus::Cancelled;
        }
        show::Event::HoldExpired { .. } => {
            change(event, id, rows)?.status = ReservationStatus::Expired;
        }
        show::Event::ReservationConfirmed { payment_id, .. } => {
            let row = change(event, id, rows)?;
            row.status = ReservationStatus::Confirmed;
            row.payment_id = Some(*payment_id);
        }
        show::Event::ShowScheduled { .. }
        | show::Event::SeatsListed { .. }
        | show::Event::StandingListed { .. }
        | show::Event::PaymentAbandoned { .. }
        | show::Event::SeatsBlocked { .. }
        | show::Event::SeatsUnblocked { .. }
        | show::Event::ShowCancelled { .. } => {}
    }
    Ok(())
}
