//! A payment and its saga: debit the points, confirm the reservation, or undo both.
//!
//! ```text
//!            request               complete              refund asked for           refund
//!     None ──────────▶ Running ──────────────▶ Completed ──────────────▶ Refunding ─────────▶ Refunded
//!                        │  └── complete, where a refund was asked for meanwhile ──▲
//!                        └── fail ──▶ Failed
//! ```

pub mod command;
pub mod error;
pub mod event;
pub mod upcast;

use chrono::TimeDelta;
use cqrs_es::event_sink::EventSink;
use serde::{Deserialize, Serialize};

pub use self::{command::Command, error::Error, event::Event};
use crate::{
    aggregate::{self, Aggregate, ClaimChange, Services},
    ids::{CustomerId, OrganizerId, ReservationId, ShowId},
    points::Points,
    text::check_text,
    time::Timestamp,
};

/// How long the request has the saga to itself before the process manager takes over. Longer than any request's
/// deadline, so that the two do not drive one payment at a time; short enough that a crash is not noticed for long.
pub const RESUME_AFTER: TimeDelta = TimeDelta::seconds(10);
/// Most bytes of the organizer's reason for a refund: a short paragraph.
pub const MAX_REASON_BYTES: usize = 500;
/// Namespace of the claim that keeps a reservation to one payment at a time.
pub const LIVE_PAYMENT: &str = "live_payment";
/// The method of payment that there is: points.
pub const METHOD: &str = "points";

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not requested yet.
    #[default]
    None,
    /// The saga runs.
    Running,
    /// Paid.
    Completed,
    /// Undone by the saga.
    Failed,
    /// Paid, and to be undone.
    Refunding,
    /// Undone at the organizer's wish.
    Refunded,
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Payment {
    /// Where it stands.
    pub status: Status,
    /// What is paid for; nil before the request.
    pub reservation_id: ReservationId,
    /// In which show.
    pub show_id: ShowId,
    /// By whom.
    pub customer_id: CustomerId,
    /// To whom.
    pub organizer_id: OrganizerId,
    /// How much.
    pub amount: Points,
    /// How: the name that its provider goes by.
    pub method: String,
    /// The code of a failed payment.
    pub failure: Option<String>,
    /// Whether a failed payment had debited points and gave them back.
    pub refunded: bool,
    /// Whether a refund was asked for while the saga ran.
    pub refund_requested: bool,
    /// When the process manager takes over; `None` once ended.
    pub resume_at: Option<Timestamp>,
}

impl Payment {
    /// Refuses what only a running saga can do.
    fn check_running(&self) -> Result<(), Error> {
        match self.status {
            Status::None => Err(Error::NotFound),
            Status::Running => Ok(()),
            Status::Completed | Status::Refunding => Err(Error::AlreadyCompleted),
            Status::Failed => Err(Error::AlreadyFailed {
                code: self.failure.clone().unwrap_or_default(),
            }),
            Status::Refunded => Err(Error::AlreadyRefunded),
        }
    }

    fn complete(&self, balance: Points) -> Result<Vec<Event>, Error> {
        self.check_running()?;
        Ok(vec![Event::PaymentCompleted {
            reservation_id: self.reservation_id,
            show_id: self.show_id,
            customer_id: self.customer_id,
            amount: self.amount,
            balance,
        }])
    }

    fn fail(&self, code: &str, refunded: bool) -> Result<Vec<Event>, Error> {
        self.check_running()?;
        Ok(vec![Event::PaymentFailed {
            reservation_id: self.reservation_id,
            show_id: self.show_id,
            customer_id: self.customer_id,
            amount: self.amount,
            code: code.to_owned(),
            refunded,
        }])
    }

    fn request_refund(
        &self,
        organizer_id: Option<OrganizerId>,
        reason: &str,
        resume_at: Timestamp,
    ) -> Result<Vec<Event>, Error> {
        let foreign = organizer_id.is_some_and(|asking| asking != self.organizer_id);
        if self.status == Status::None || foreign {
            return Err(Error::NotFound);
        }
        check_text(reason, MAX_REASON_BYTES).map_err(|detail| Error::Invalid {
            at: "reason",
            detail,
        })?;
        match self.status {
            Status::Running if self.refund_requested => Ok(Vec::new()),
            Status::Running | Status::Completed => Ok(vec![Event::RefundRequested {
                organizer_id: self.organizer_id,
                reservation_id: self.reservation_id,
                show_id: self.show_id,
                customer_id: self.customer_id,
                reason: reason.to_owned(),
                resume_at,
            }]),
            Status::Refunding => Ok(Vec::new()),
            Status::Refunded => Err(Error::AlreadyRefunded),
            Status::None | Status::Failed => Err(Error::NotRefundable { status: "failed" }),
        }
    }

    fn refund(&self, balance: Points) -> Result<Vec<Event>, Error> {
        let status = match self.status {
            Status::Refunding => {
                return Ok(vec![Event::PaymentRefunded {
                    reservation_id: self.reservation_id,
                    show_id: self.show_id,
                    customer_id: self.customer_id,
                    amount: self.amount,
                    balance,
                }]);
            }
            Status::None => return Err(Error::NotFound),
            Status::Refunded => return Err(Error::AlreadyRefunded),
            Status::Running => "running",
            Status::Completed => "completed",
            Status::Failed => "failed",
        };
        Err(Error::NotRefundable { status })
    }
}

impl Aggregate for Payment {
    const TYPE: &'static str = "payment";
    const SNAPSHOT_SCHEMA: u32 = 2;
    type Command = Command;
    type Event = Event;
    type Error = Error;

    fn decide(&self, command: &Command, now: Timestamp) -> Result<Vec<Event>, Error> {
        match command {
            Command::Request {
                reservation_id,
                show_id,
                customer_id,
                organizer_id,
                amount,
                method,
            } => {
                if self.status != Status::None {
                    return Err(Error::AlreadyRequested);
                }
                if *amount < 0 {
                    let detail = format!("must be zero or more, is {amount}");
                    return Err(Error::Invalid {
                        at: "amount",
                        detail,
                    });
                }
                Ok(vec![Event::PaymentRequested {
                    reservation_id: *reservation_id,
                    show_id: *show_id,
                    customer_id: *customer_id,
                    organizer_id: *organizer_id,
                    amount: *amount,
                    method: method.clone(),
                    resume_at: now + RESUME_AFTER,
                }])
            }
            Command::Complete { balance } => self.complete(*balance),
            Command::Fail { code, refunded } => self.fail(code, *refunded),
            Command::RequestRefund {
                organizer_id,
                reason,
                resume_at,
            } => self.request_refund(*organizer_id, reason, *resume_at),
            Command::Refund { balance } => self.refund(*balance),
        }
    }

    fn evolve(&mut self, event: &Event) {
        match event {
            Event::PaymentRequested {
                reservation_id,
                show_id,
                customer_id,
                organizer_id,
                amount,
                method,
                resume_at,
            } => {
                self.status = Status::Running;
                self.reservation_id = *reservation_id;
                self.show_id = *show_id;
                self.customer_id = *customer_id;
                self.organizer_id = *organizer_id;
                self.amount = *amount;
                self.method.clone_from(method);
                self.resume_at = Some(*resume_at);
            }
            Event::PaymentCompleted { .. } if self.refund_requested => {
                self.status = Status::Refunding;
                // The instant of the request is in the past: the refund is due at once.
                self.resume_at = self.resume_at.map(|at| at - RESUME_AFTER);
            }
            Event::PaymentCompleted { .. } => {
                self.status = Status::Completed;
                self.resume_at = None;
            }
            Event::PaymentFailed { code, refunded, .. } => {
                self.status = Status::Failed;
                self.failure = Some(code.clone());
                self.refunded = *refunded;
                self.resume_at = None;
            }
            Event::RefundRequested { resume_at, .. } => {
                self.refund_requested = true;
                if self.status == Status::Completed {
                    self.status = Status::Refunding;
                    self.resume_at = Some(*resume_at);
                }
            }
            Event::PaymentRefunded { .. } => {
                self.status = Status::Refunded;
                self.resume_at = None;
            }
        }
    }

    fn wake_at(&self) -> Option<Timestamp> {
        self.resume_at
    }

    fn claims(event: &Event) -> Vec<ClaimChange> {
        match event {
            Event::PaymentRequested { reservation_id, .. } => vec![ClaimChange::Set {
                namespace: LIVE_PAYMENT,
                key: reservation_id.to_string(),
            }],
            Event::PaymentFailed { reservation_id, .. } => vec![ClaimChange::Release {
                namespace: LIVE_PAYMENT,
                key: reservation_id.to_string(),
            }],
            // Kept for good: what was paid for once, refunded or not, is not paid for again.
            Event::PaymentCompleted { .. }
            | Event::RefundRequested { .. }
            | Event::PaymentRefunded { .. } => Vec::new(),
        }
    }

    fn routing_key(&self, _id: &str) -> String {
        self.show_id.to_string()
    }
}

impl cqrs_es::Aggregate for Payment {
    const TYPE: &'static str = <Self as Aggregate>::TYPE;
    type Command = Command;
    type Event = Event;
    type Error = Error;
    type Services = Services;

    async fn handle(
        &mut self,
        command: Command,
        services: &Services,
        sink: &EventSink<Self>,
    ) -> Result<(), Error> {
        aggregate::handle(self, command, services, sink).await
    }

    fn apply(&mut self, event: Event) {
        self.evolve(&event);
    }
}

#[cfg(test)]
mod tests;
