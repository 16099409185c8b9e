//! What an event tells whom. Pure: the same event tells the same, whenever it is read again.
//!
//! Most events tell the one customer that they name, and their organizer. A show that is called off is told to each customer who holds or has
//! bought, by the events that wind it up: the release of each hold and the refund of each payment. They come after `ShowCancelled`, and together make
//! one notification for each customer.

use domain::{
    Aggregate, DomainEvent, drop,
    ids::{CustomerId, DropEntryId, OrganizerId, ReservationId},
    payment, show, waiting_room,
};
use event_store::RecordedEvent;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Kind;

/// Reason of events that wind a cancelled show up.
const SHOW_CANCELLED: &str = "show_cancelled";

/// Who winds a cancelled show up, in the metadata of events.
const WINDS_UP: &str = "process_manager:show_cancellation";

/// Whose organizer is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Organizer {
    /// This one.
    Known(Uuid),
    /// The one whom this payment is to: its first event says who that is.
    OfPayment(Uuid),
    /// None: it is the customer's affair.
    Nobody,
}

/// Something that is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// What it is about: the event, or what several events tell of together.
    pub subject: Uuid,
    /// What is told.
    pub kind: Kind,
    /// The customer who is told.
    pub customer: Option<Uuid>,
    /// The organizer whose webhooks are told.
    pub organizer: Organizer,
    /// The details, without personal data.
    pub data: Value,
}

/// Why an event that tells something can't be read. It was written by a newer release, or is damaged: going on would leave somebody untold.
#[derive(Debug, thiserror::Error)]
#[error("the {event_type} at position {position} can't be read: {why}")]
pub struct Unreadable {
    position: u64,
    event_type: String,
    why: String,
}

/// What `event` tells, in an order that is always the same. Events that tell nothing are not even decoded.
///
/// # Errors
/// [`Unreadable`].
pub fn facts(event: &RecordedEvent) -> Result<Vec<Fact>, Unreadable> {
    let aggregate_type = &*event.stream.aggregate_type;
    // A further kind is an entry here and an arm below.
    let tells = match aggregate_type {
        show::Show::TYPE => matches!(
            &*event.event_type,
            "ReservationConfirmed"
                | "HoldExpired"
                | "HoldReleased"
                | "ReservationCancelled"
                | "ShowCancelled"
        ),
        payment::Payment::TYPE => matches!(
            &*event.event_type,
            "PaymentCompleted" | "PaymentFailed" | "PaymentRefunded" | "RefundRequested"
        ),
        waiting_room::WaitingRoom::TYPE => event.event_type == "CustomersAdmitted",
        drop::FairDrop::TYPE => matches!(
            &*event.event_type,
            "EntriesDrawn" | "WinnersSettled" | "StandbysDismissed"
        ),
        _ => false,
    };
    if !tells {
        return Ok(Vec::new());
    }
    let unreadable = |why: String| Unreadable {
        position: event.position.0,
        event_type: event.event_type.clone(),
        why,
    };
    let stream = Uuid::parse_str(&event.stream.aggregate_id);
    let stream = stream.map_err(|error| unreadable(error.to_string()))?;
    let decoded = DomainEvent::decode(
        aggregate_type,
        &event.event_type,
        &event.event_version,
        &event.payload,
    );
    let told = Told {
        event_id: event.event_id,
        stream,
        winds_up: actor(event) == Some(WINDS_UP.to_owned()),
    };
    Ok(
        match decoded.map_err(|error| unreadable(error.to_string()))? {
            DomainEvent::Show(event) => told.of_show(event),
            DomainEvent::Payment(event) => told.of_payment(event),
            DomainEvent::WaitingRoom(event) => told.of_waiting_room(event),
            DomainEvent::Drop(event) => told.of_drop(event),
            DomainEvent::Venue(_)
            | DomainEvent::Concert(_)
            | DomainEvent::PointAccount(_)
            | DomainEvent::Customer(_)
            | DomainEvent::Operation(_) => Vec::new(),
        },
    )
}

/// Who brought the event about.
fn actor(event: &RecordedEvent) -> Option<String> {
    let metadata: Value = serde_json::from_str(&event.metadata).ok()?;
    Some(metadata["actor"].as_str()?.to_owned())
}

/// What is the same for all facts of one event.
#[derive(Clone, Copy)]
struct Told {
    event_id: Uuid,
    stream: Uuid,
    /// Whether it is a step of winding a cancelled show up: an organizer's reason for a refund may read like that.
    winds_up: bool,
}

impl Told {
    fn fact(self, kind: Kind, customer: Uuid, organizer: Organizer, data: Value) -> Fact {
        Fact {
            subject: self.event_id,
            kind,
            customer: Some(customer),
            organizer,
            data,
        }
    }

    /// Told to a customer and to the organizer.
    fn both(
        self,
        kind: Kind,
        customer: CustomerId,
        organizer: OrganizerId,
        data: Value,
    ) -> Vec<Fact> {
        vec![self.fact(kind, customer.0, Organizer::Known(organizer.0), data)]
    }

    fn of_show(self, event: show::Event) -> Vec<Fact> {
        use show::Event as E;
        match event {
            E::ReservationConfirmed {
                organizer_id,
                reservation_id,
                customer_id,
                payment_id,
                amount,
                places,
                ..
            } => {
                let mut data = self.reservation(reservation_id, customer_id, &places);
                data["payment_id"] = json!(payment_id);
                data["amount"] = json!(amount);
                self.both(Kind::ReservationConfirmed, customer_id, organizer_id, data)
            }
            E::HoldExpired {
                organizer_id,
                reservation_id,
                customer_id,
                expired_at,
                places,
            } => {
                let mut data = self.reservation(reservation_id, customer_id, &places);
                data["expired_at"] = json!(expired_at);
                self.both(Kind::ReservationExpired, customer_id, organizer_id, data)
            }
            E::HoldReleased {
                organizer_id,
                reservation_id,
                customer_id,
                reason,
                places,
            } => {
                let mut data = self.reservation(reservation_id, customer_id, &places);
                data["reason"] = json!(reason);
                self.cancelled(customer_id.0, organizer_id.0, data)
            }
            E::ReservationCancelled {
                organizer_id,
                reservation_id,
                customer_id,
                payment_id,
                reason,
                places,
            } => {
                let mut data = self.reservation(reservation_id, customer_id, &places);
                data["payment_id"] = json!(payment_id);
                data["reason"] = json!(reason);
                self.cancelled(customer_id.0, organizer_id.0, data)
            }
            E::ShowCancelled {
                organizer_id,
                reason,
                cancelled_at,
            } => {
                let data =
                    json!({"show_id": self.stream, "reason": reason, "cancelled_at": cancelled_at});
                vec![self.show_is_off(None, Organizer::Known(organizer_id.0), data)]
            }
            E::ShowScheduled { .. }
            | E::SeatsListed { .. }
            | E::StandingListed { .. }
            | E::SeatsHeld { .. }
            | E::HoldExtended { .. }
            | E::PaymentAbandoned { .. }
            | E::SeatsBlocked { .. }
            | E::SeatsUnblocked { .. } => Vec::new(),
        }
    }

    /// What is told of every reservation of the show.
    fn reservation(
        self,
        reservation: ReservationId,
        customer: CustomerId,
        places: &show::event::Places,
    ) -> Value {
        json!({"show_id": self.stream, "reservation_id": reservation, "customer_id": customer,
            "seats": places.seats, "standing": places.standing})
    }

    /// Told of the show as such, whichever event says so: once to each.
    fn show_is_off(self, customer: Option<Uuid>, organizer: Organizer, data: Value) -> Fact {
        Fact {
            subject: self.stream,
            kind: Kind::ShowCancelled,
            customer,
            organizer,
            data,
        }
    }

    /// A reservation is off: its customer is told so, or that the whole show is. The organizer, whose show it is, is told of each.
    fn cancelled(self, customer: Uuid, organizer: Uuid, data: Value) -> Vec<Fact> {
        let with_the_show = data["reason"] == SHOW_CANCELLED;
        let organizer = Organizer::Known(organizer);
        let reservation = self.fact(Kind::ReservationCancelled, customer, organizer, data);
        if !with_the_show {
            return vec![reservation];
        }
        let data = json!({"show_id": self.stream});
        vec![
            self.show_is_off(Some(customer), Organizer::Nobody, data),
            Fact {
                customer: None,
                ..reservation
            },
        ]
    }

    fn of_payment(self, event: payment::Event) -> Vec<Fact> {
        use payment::Event as E;
        let payment_id = self.stream;
        let organizer = Organizer::OfPayment(payment_id);
        match event {
            E::PaymentCompleted {
                reservation_id,
                show_id,
                customer_id,
                amount,
                ..
            } => {
                let data = json!({"show_id": show_id, "reservation_id": reservation_id, "customer_id": customer_id,
                    "payment_id": payment_id, "amount": amount});
                vec![self.fact(Kind::PaymentCompleted, customer_id.0, organizer, data)]
            }
            E::PaymentFailed {
                reservation_id,
                show_id,
                customer_id,
                amount,
                code,
                refunded,
            } => {
                let data = json!({"show_id": show_id, "reservation_id": reservation_id, "customer_id": customer_id,
                    "payment_id": payment_id, "amount": amount, "code": code, "refunded": refunded});
                vec![self.fact(Kind::PaymentFailed, customer_id.0, organizer, data)]
            }
            E::PaymentRefunded {
                reservation_id,
                show_id,
                customer_id,
                amount,
                ..
            } => {
                let data = json!({"show_id": show_id, "reservation_id": reservation_id, "customer_id": customer_id,
                    "payment_id": payment_id, "amount": amount});
                vec![self.fact(Kind::PaymentRefunded, customer_id.0, organizer, data)]
            }
            // Each payment of a cancelled show is refunded by itself, maybe before the show frees its places: this comes first.
            E::RefundRequested {
                show_id,
                customer_id,
                reason,
                ..
            } if reason == SHOW_CANCELLED && self.winds_up => vec![Fact {
                subject: show_id.0,
                kind: Kind::ShowCancelled,
                customer: Some(customer_id.0),
                organizer: Organizer::Nobody,
                data: json!({"show_id": show_id}),
            }],
            E::PaymentRequested { .. } | E::RefundRequested { .. } => Vec::new(),
        }
    }

    /// The room is its show's: they share the id. Organizers are not told of each who is let in: they see the room itself.
    fn of_waiting_room(self, event: waiting_room::Event) -> Vec<Fact> {
        use waiting_room::Event as E;
        match event {
            E::CustomersAdmitted {
                admitted,
                expires_at,
                ..
            } => {
                let told = admitted.into_iter().map(|entrant| {
                    let data = json!({"show_id": self.stream, "entry_id": entrant.entry_id,
                        "queue_number": entrant.number, "pass_expires_at": expires_at});
                    let kind = Kind::WaitingRoomAdmitted;
                    self.fact(kind, entrant.customer_id.0, Organizer::Nobody, data)
                });
                told.collect()
            }
            E::NumbersReserved { .. } | E::PassesExpired { .. } | E::FlowChanged { .. } => {
                Vec::new()
            }
        }
    }

    /// Who wins is told once the price is debited, or could not be; who does not, when that is drawn. Organizers see the drop itself.
    fn of_drop(self, event: drop::Event) -> Vec<Fact> {
        use drop::Event as E;
        match event {
            E::EntriesDrawn { drawn, .. } => {
                let told = drawn.into_iter().filter_map(|drawn| {
                    let result = match drawn.result {
                        drop::DrawResult::Lost => "lost",
                        drop::DrawResult::Standby => "standby",
                        drop::DrawResult::Won => return None,
                    };
                    Some(self.drop_result(drawn.entry_id, drawn.customer_id, result, None))
                });
                told.collect()
            }
            E::WinnersSettled { settled, .. } => {
                let told = settled.into_iter().filter_map(|settled| {
                    let result = match settled.outcome {
                        drop::Settlement::Paid => "won",
                        drop::Settlement::Forfeited => "forfeited",
                        drop::Settlement::Released => return None,
                    };
                    let code = settled.code.as_deref();
                    Some(self.drop_result(settled.entry_id, settled.customer_id, result, code))
                });
                told.collect()
            }
            E::StandbysDismissed { dismissed, .. } => {
                let told = dismissed
                    .into_iter()
                    .map(|entry| self.drop_result(entry.entry_id, entry.customer_id, "lost", None));
                told.collect()
            }
            E::DropOpened { .. }
            | E::EntriesRecorded { .. }
            | E::DropClosed { .. }
            | E::EntriesSealed { .. }
            | E::BeaconRecorded { .. }
            | E::SecretRevealed { .. } => Vec::new(),
        }
    }

    fn drop_result(
        self,
        entry: DropEntryId,
        customer: CustomerId,
        result: &str,
        code: Option<&str>,
    ) -> Fact {
        let data =
            json!({"drop_id": self.stream, "entry_id": entry, "result": result, "code": code});
        self.fact(Kind::DropResult, customer.0, Organizer::Nobody, data)
    }
}

#[cfg(test)]
mod tests;
