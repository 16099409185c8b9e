//! Accounts and transactions.

use domain::{ids::CustomerId, point_account, stored::DomainEvent};
use read_model::{
    ProjectionId, Rows,
    tables::{Account, Transaction, TransactionKind},
};

use crate::{Effect, Error, Event, Needs, Projection};

/// Accounts and transactions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Points;

/// The account's event, where it is one.
fn points_event(event: &DomainEvent) -> Option<&point_account::Event> {
    match event {
        DomainEvent::PointAccount(points) => Some(points),
        DomainEvent::Venue(_)
        | DomainEvent::Concert(_)
        | DomainEvent::Show(_)
        | DomainEvent::Payment(_)
        | DomainEvent::Customer(_)
        | DomainEvent::Operation(_)
        | DomainEvent::WaitingRoom(_)
        | DomainEvent::Drop(_) => None,
    }
}

impl Projection for Points {
    fn id(&self) -> ProjectionId {
        ProjectionId::Points
    }

    fn needs(&self, event: &Event, needs: &mut Needs) {
        if points_event(&event.event).is_some() {
            // The balance comes with the event.
            needs.account(CustomerId(event.id), Effect::Makes);
        }
    }

    fn apply(&self, event: &Event, rows: &mut Rows) -> Result<(), Error> {
        if let Some(points) = points_event(&event.event) {
            let customer_id = CustomerId(event.id);
            let (balance, transaction) = read(event, customer_id, points);
            let account = Account {
                customer_id,
                balance,
                position: event.position,
            };
            rows.accounts.insert(customer_id, account);
            rows.transactions
                .extend(transaction.map(|row| (event.position, row)));
        }
        Ok(())
    }
}

/// The balance after an event, and the transaction where points moved.
fn read(
    event: &Event,
    customer_id: CustomerId,
    points: &point_account::Event,
) -> (i64, Option<Transaction>) {
    let row = |kind, amount, balance_after| Transaction {
        position: event.position,
        customer_id,
        kind,
        amount,
        balance_after,
        charge_id: None,
        payment_id: None,
        at: event.recorded_at,
    };
    match *points {
        point_account::Event::PointsCharged {
            customer_id: _,
            charge_id,
            amount,
            balance_after,
        } => {
            let row = row(TransactionKind::Charge, amount, balance_after);
            let charge_id = Some(charge_id);
            (balance_after, Some(Transaction { charge_id, ..row }))
        }
        point_account::Event::PointsDebited {
            customer_id: _,
            payment_id,
            amount,
            balance_after,
        } => {
            let row = row(TransactionKind::Debit, amount, balance_after);
            let payment_id = Some(payment_id);
            (balance_after, Some(Transaction { payment_id, ..row }))
        }
        point_account::Event::PointsCredited {
            customer_id: _,
            payment_id,
            amount,
            balance_after,
        } => {
            let row = row(TransactionKind::Credit, amount, balance_after);
            let payment_id = Some(payment_id);
            (balance_after, Some(Transaction { payment_id, ..row }))
        }
        point_account::Event::PointsDebitBarred { balance_after, .. } => (balance_after, None),
    }
}
