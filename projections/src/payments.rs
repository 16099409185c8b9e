//! Payments.

use domain::{ids::PaymentId, payment, stored::DomainEvent};
use read_model::{
    ProjectionId, Rows,
    tables::{Payment, PaymentStatus},
};

use crate::{Effect, Error, Event, Needs, Projection};

/// Payments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Payments;

/// The payment's event, where it is one.
fn payment_event(event: &DomainEvent) -> Option<&payment::Event> {
    match event {
        DomainEvent::Payment(payment) => Some(payment),
        DomainEvent::Venue(_)
        | DomainEvent::Concert(_)
        | DomainEvent::Show(_)
        | DomainEvent::PointAccount(_)
        | DomainEvent::Customer(_)
        | DomainEvent::Operation(_)
        | DomainEvent::WaitingRoom(_)
        | DomainEvent::Drop(_) => None,
    }
}

impl Projection for Payments {
    fn id(&self) -> ProjectionId {
        ProjectionId::Payments
    }

    fn needs(&self, event: &Event, needs: &mut Needs) {
        if let Some(payment) = payment_event(&event.event) {
            let makes = matches!(payment, payment::Event::PaymentRequested { .. });
            needs.payment(PaymentId(event.id), Effect::makes(makes));
        }
    }

    fn apply(&self, event: &Event, rows: &mut Rows) -> Result<(), Error> {
        let Some(payment) = payment_event(&event.event) else {
            return Ok(());
        };
        let id = PaymentId(event.id);
        if let payment::Event::PaymentRequested {
            reservation_id,
            show_id,
            customer_id,
            organizer_id,
            amount,
            method,
            resume_at: _,
        } = payment
        {
            let row = Payment {
                payment_id: id,
                reservation_id: *reservation_id,
                show_id: *show_id,
                customer_id: *customer_id,
                organizer_id: *organizer_id,
                status: PaymentStatus::Processing,
                amount: *amount,
                method: method.clone(),
                balance: None,
                code: None,
                refunded: false,
                refund_requested: false,
                requested_at: event.recorded_at,
                updated_at: event.recorded_at,
                position: event.position,
            };
            rows.payments.insert(id, row);
            return Ok(());
        }
        let row = rows.payments.get_mut(&id);
        let row = row.ok_or_else(|| event.missing("payments", id))?;
        change(row, payment);
        row.updated_at = event.recorded_at;
        row.position = event.position;
        Ok(())
    }
}

fn change(row: &mut Payment, payment: &payment::Event) {
    match payment {
        payment::Event::PaymentRequested { .. } => {}
        payment::Event::PaymentCompleted { balance, .. } => {
            row.balance = Some(*balance);
            // A refund that was asked for on the way begins where the payment ends.
            row.status = if row.refund_requested {
                PaymentStatus::Refunding
            } else {
                PaymentStatus::Completed
            };
        }
        payment::Event::PaymentFailed { code, refunded, .. } => {
            row.status = PaymentStatus::Failed;
            row.code = Some(code.clone());
            row.refunded = *refunded;
        }
        payment::Event::RefundRequested { .. } => {
            row.refund_requested = true;
            if row.status == PaymentStatus::Completed {
                row.status = PaymentStatus::Refunding;
            }
        }
        payment::Event::PaymentRefunded { balance, .. } => {
            row.status = PaymentStatus::Refunded;
            row.balance = Some(*balance);
            row.refunded = true;
        }
    }
}
