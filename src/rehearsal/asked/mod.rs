//! What was asked for: commands, told from the events that they brought about.
//!
//! An event says everything that its command asked for, but for what was left open: a hold of the best seats is asked for again as a hold of
//! the seats that it got. What a command asked for and did not get is not in the log, and neither are commands that changed nothing.

mod drops;
mod shows;
#[cfg(test)]
mod tests;

use command_api::deciding::Stored;
use domain::{
    concert, customer, operation, payment, point_account,
    venue::{self, plan::SeatingPlan},
    waiting_room::{self, event::Change},
};

pub(crate) use self::drops::outcome;

/// An aggregate whose commands can be told from their events.
pub(super) trait Asked: Stored {
    /// The command that brought `events` about on this state; `None` where that can't be told.
    fn asked(&self, events: &[Self::Event]) -> Option<Self::Command>;
}

/// The one event of a command that has just one.
fn only<E>(events: &[E]) -> Option<&E> {
    match events {
        [event] => Some(event),
        _ => None,
    }
}

impl Asked for venue::Venue {
    fn asked(&self, events: &[venue::Event]) -> Option<venue::Command> {
        let (first, rest) = events.split_first()?;
        let venue::Event::VenueRegistered {
            organizer_id,
            name,
            size,
            focus,
            categories,
            seats,
            ..
        } = first
        else {
            return None;
        };
        let (mut zones, mut standing) = (Vec::new(), Vec::new());
        for event in rest {
            match event {
                venue::Event::ZoneAdded { zone, .. } => zones.push(zone.clone()),
                venue::Event::StandingAreaAdded { area, .. } => standing.push(area.clone()),
                venue::Event::VenueRegistered { .. } => return None,
            }
        }
        Some(venue::Command::Register(Box::new(
            venue::command::Register {
                organizer_id: *organizer_id,
                name: name.clone(),
                plan: SeatingPlan {
                    size: *size,
                    focus: *focus,
                    categories: categories.clone(),
                    zones,
                    seats: *seats,
                },
                standing,
            },
        )))
    }
}

impl Asked for concert::Concert {
    fn asked(&self, events: &[concert::Event]) -> Option<concert::Command> {
        Some(match only(events)?.clone() {
            concert::Event::ConcertAnnounced {
                organizer_id,
                title,
                artist,
                description,
            } => concert::Command::Announce {
                organizer_id,
                title,
                artist,
                description,
            },
            concert::Event::ConcertRevised {
                organizer_id,
                title,
                artist,
                description,
            } => concert::Command::Revise {
                organizer_id,
                title,
                artist,
                description,
            },
        })
    }
}

impl Asked for payment::Payment {
    fn asked(&self, events: &[payment::Event]) -> Option<payment::Command> {
        Some(match only(events)?.clone() {
            payment::Event::PaymentRequested {
                reservation_id,
                show_id,
                customer_id,
                organizer_id,
                amount,
                method,
                ..
            } => payment::Command::Request {
                reservation_id,
                show_id,
                customer_id,
                organizer_id,
                amount,
                method,
            },
            payment::Event::PaymentCompleted { balance, .. } => {
                payment::Command::Complete { balance }
            }
            payment::Event::PaymentFailed { code, refunded, .. } => {
                payment::Command::Fail { code, refunded }
            }
            payment::Event::RefundRequested {
                organizer_id,
                reason,
                resume_at,
                ..
            } => payment::Command::RequestRefund {
                organizer_id: Some(organizer_id),
                reason,
                resume_at,
            },
            payment::Event::PaymentRefunded { balance, .. } => payment::Command::Refund { balance },
        })
    }
}

impl Asked for point_account::PointAccount {
    fn asked(&self, events: &[point_account::Event]) -> Option<point_account::Command> {
        Some(match *only(events)? {
            point_account::Event::PointsCharged {
                customer_id,
                charge_id,
                amount,
                ..
            } => point_account::Command::Charge {
                customer_id,
                charge_id,
                amount,
            },
            point_account::Event::PointsDebited {
                customer_id,
                payment_id,
                amount,
                ..
            } => point_account::Command::Debit {
                customer_id,
                payment_id,
                amount,
            },
            point_account::Event::PointsDebitBarred {
                customer_id,
                payment_id,
                ..
            }
            | point_account::Event::PointsCredited {
                customer_id,
                payment_id,
                ..
            } => point_account::Command::Credit {
                customer_id,
                payment_id,
            },
        })
    }
}

impl Asked for customer::Customer {
    fn asked(&self, events: &[customer::Event]) -> Option<customer::Command> {
        Some(match only(events)?.clone() {
            customer::Event::CustomerRegistered {
                customer_id,
                email,
                name,
            } => customer::Command::Register {
                customer_id,
                email,
                name,
            },
            customer::Event::CustomerUpdated { email, name, .. } => {
                customer::Command::Update { email, name }
            }
            customer::Event::CustomerErased { .. } => customer::Command::Erase,
            customer::Event::PersonalDataDestroyed { .. } => customer::Command::NoteDestruction,
        })
    }
}

impl Asked for operation::Operation {
    fn asked(&self, events: &[operation::Event]) -> Option<operation::Command> {
        let operation::Event::OperatorActed {
            act,
            subject,
            arguments,
            actor,
            reason,
        } = only(events)?.clone();
        Some(operation::Command::Record {
            act,
            subject,
            arguments,
            actor,
            reason,
        })
    }
}

impl Asked for waiting_room::WaitingRoom {
    fn asked(&self, events: &[waiting_room::Event]) -> Option<waiting_room::Command> {
        Some(match only(events)?.clone() {
            waiting_room::Event::NumbersReserved { first, reason, .. } => {
                waiting_room::Command::Reserve {
                    after: first.checked_sub(1)?,
                    reason,
                }
            }
            waiting_room::Event::CustomersAdmitted { admitted, .. } => {
                waiting_room::Command::Admit { entrants: admitted }
            }
            waiting_room::Event::PassesExpired { passes, .. } => waiting_room::Command::Expire {
                passes: passes.iter().map(|pass| pass.entry_id).collect(),
            },
            waiting_room::Event::FlowChanged {
                organizer_id,
                change,
                opens_at,
                settings,
                commitment,
                draw,
                ..
            } => match change {
                Change::Opened => waiting_room::Command::Open {
                    organizer_id,
                    opens_at,
                    settings,
                    commitment,
                },
                Change::Changed => waiting_room::Command::Change {
                    organizer_id,
                    admit_per_second: Some(settings.admit_per_second),
                    max_active: Some(settings.max_active),
                    pass_seconds: Some(settings.pass_seconds),
                },
                Change::Paused => waiting_room::Command::Pause { organizer_id },
                Change::Resumed => waiting_room::Command::Resume { organizer_id },
                Change::Drawn => waiting_room::Command::Draw { draw: draw? },
                Change::Closed => waiting_room::Command::Close,
            },
        })
    }
}
