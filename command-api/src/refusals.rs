//! Which refused commands auditors get to see, and about what: handed to a recorder that waits for nothing, so that a refusal costs what
//! it did.

use std::sync::Arc;

use domain::{
    ids::{ReservationId, ShowId},
    refusal::About,
    show::{self, Command, command::Selection},
};
use edge::Problem;
use event_store::{
    Clock, Position,
    refusals::{MAX_TEXT_BYTES, Recorder, Refusal},
};
use uuid::Uuid;

use crate::{call::Call, codes};

/// Most seats of one command that a refusal is kept for: as many as a hold may ask for. House seats can be more.
const MAX_SEATS: usize = show::MAX_PLACES_PER_CUSTOMER as usize;
/// Shortest and longest correlation ids that are kept.
const CORRELATION_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

/// What a command to a show asks about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// These seats.
    Seats(Vec<String>),
    /// A reservation, which there is: its show was found by it.
    Reservation(ReservationId),
    /// Neither.
    Show,
}

impl Asked {
    /// By what the command says.
    pub(crate) fn of(command: &Command) -> Self {
        match command {
            Command::Hold {
                selection: Selection::Seats(seats),
                ..
            }
            | Command::Block { seats, .. }
            | Command::Unblock { seats, .. } => {
                Self::Seats(seats.iter().take(MAX_SEATS).cloned().collect())
            }
            Command::Extend { reservation_id, .. }
            | Command::Release { reservation_id, .. }
            | Command::Confirm { reservation_id, .. }
            | Command::Abandon { reservation_id, .. }
            | Command::CancelReservation { reservation_id, .. } => {
                Self::Reservation(*reservation_id)
            }
            Command::Hold { .. }
            | Command::Schedule(_)
            | Command::CancelShow { .. }
            | Command::ExpireDue
            | Command::WindUp { .. } => Self::Show,
        }
    }

    /// What the refusal is about. Nothing that anybody can make up: a seat only once the show has found it in its plan, and nothing at all
    /// of a show that there is not.
    fn about(self, show_id: ShowId, refusal: &show::Error) -> Vec<About> {
        if matches!(refusal, show::Error::NotFound) {
            return Vec::new();
        }
        match self {
            Self::Seats(asked) if found_seats(refusal) => {
                let seat = |seat_guid| About::Seat { show_id, seat_guid };
                let mut seats: Vec<String> = match refusal {
                    show::Error::SeatsUnavailable { seats, .. } => {
                        let taken = seats.iter().map(|seat| seat.seat_guid.clone());
                        taken.take(MAX_SEATS).collect()
                    }
                    _ => Vec::new(),
                };
                for guid in asked {
                    if seats.len() < MAX_SEATS && !seats.contains(&guid) {
                        seats.push(guid);
                    }
                }
                seats.into_iter().map(seat).collect()
            }
            Self::Reservation(id) => vec![About::Reservation(id)],
            Self::Seats(_) | Self::Show => vec![About::Show(show_id)],
        }
    }
}

/// Whether a show that refuses so had found all the seats in its plan.
fn found_seats(refusal: &show::Error) -> bool {
    match refusal {
        show::Error::SeatsUnavailable { .. }
        | show::Error::StrandedSeat { .. }
        | show::Error::NotBlocked { .. } => true,
        // Who asks for more than anybody may have is refused before.
        show::Error::PurchaseLimitExceeded { limit, asked, .. } => asked <= limit,
        show::Error::NotFound
        | show::Error::AlreadyScheduled
        | show::Error::Invalid { .. }
        | show::Error::PricesMismatch { .. }
        | show::Error::ReservationNotFound
        | show::Error::UnknownSeats { .. }
        | show::Error::UnknownCategory { .. }
        | show::Error::StandingUnavailable { .. }
        | show::Error::NotOnSaleYet { .. }
        | show::Error::OffSale { .. }
        | show::Error::ShowCancelled
        | show::Error::NotAdmitted
        | show::Error::PassUsed
        | show::Error::HoldExpired { .. }
        | show::Error::AlreadyExtended
        | show::Error::AlreadyConfirmed
        | show::Error::ReservationCancelled
        | show::Error::PaymentAbandoned { .. }
        | show::Error::AmountMismatch { .. }
        | show::Error::NotConfirmed => false,
    }
}

/// Hands refusals in.
#[derive(Debug, Clone)]
pub struct RefusedCommands {
    recorder: Recorder,
    clock: Arc<dyn Clock>,
}

impl RefusedCommands {
    /// To this recorder.
    pub fn new(recorder: Recorder, clock: Arc<dyn Clock>) -> Self {
        Self { recorder, clock }
    }

    /// What a show refused, asked for by `asked`, and stood at `position`.
    pub(crate) fn by_show(
        &self,
        (command, call): (&str, &Call),
        (show_id, asked): (ShowId, Asked),
        (refusal, position): (&show::Error, Position),
        problem: &Problem,
    ) {
        let about = asked.about(show_id, refusal);
        if !about.is_empty() {
            self.hand_in(command, call, &about, position, problem);
        }
    }

    /// What was refused about one thing that there is.
    pub(crate) fn about(&self, about: About, command: &str, call: &Call, problem: &Problem) {
        self.hand_in(command, call, &[about], position(problem), problem);
    }

    fn hand_in(
        &self,
        command: &str,
        call: &Call,
        about: &[About],
        position: Position,
        problem: &Problem,
    ) {
        let refusal = Refusal {
            refusal_id: Uuid::now_v7(),
            at: self.clock.now(),
            command: command.to_owned(),
            command_id: call.command_id,
            code: problem.code().to_owned(),
            detail: detail(problem),
            actor: call.origin.actor.clone(),
            correlation_id: correlation(&call.origin.correlation_id),
            position: position.0,
        };
        let subjects = about.iter().map(ToString::to_string);
        self.recorder.record(subjects, &refusal);
    }
}

/// Where the state stood that refused, as the answer says it.
fn position(problem: &Problem) -> Position {
    let position = problem
        .field("position")
        .and_then(serde_json::Value::as_u64);
    Position(position.unwrap_or_default())
}

/// The reason in words, unless it repeats what the client wrote: that could be anything.
fn detail(problem: &Problem) -> String {
    let repeats = [
        codes::UNKNOWN_SEATS.name,
        codes::UNKNOWN_CATEGORY.name,
        codes::INVALID_FIELD.name,
    ];
    if repeats.contains(&problem.code()) {
        return String::new();
    }
    let text = problem.detail();
    let end = text.floor_char_boundary(MAX_TEXT_BYTES);
    text[..end].to_owned()
}

/// The correlation id, unless a client has chosen it as a text of its own: what outlives a customer's erasure must name nobody. Ids of
/// traces and UUIDs are digits alone.
fn correlation(id: &str) -> String {
    let digits = id
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if digits && CORRELATION_BYTES.contains(&id.len()) {
        return id.to_owned();
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use domain::show::error::TakenSeat;

    use super::*;

    fn seats(names: &[&str]) -> Asked {
        Asked::Seats(names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn about(asked: Asked, refusal: &show::Error) -> Vec<String> {
        let about = asked.about(ShowId(Uuid::nil()), refusal);
        about.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_refusal_is_about_seats_once_they_were_found() {
        let show = Uuid::nil();
        let taken = show::Error::SeatsUnavailable {
            seats: vec![TakenSeat {
                seat_guid: "B".to_owned(),
                sequence: 3,
            }],
            alternatives: Vec::new(),
        };
        let both = [format!("seat/{show}/B"), format!("seat/{show}/A")];
        assert_eq!(about(seats(&["A", "B"]), &taken), both);
        let limit = |asked| show::Error::PurchaseLimitExceeded {
            limit: 4,
            owned: 4,
            asked,
        };
        assert_eq!(about(seats(&["A"]), &limit(1)), [format!("seat/{show}/A")]);
        let whole = [format!("show/{show}")];
        assert_eq!(about(seats(&["A"]), &limit(5)), whole);
        assert_eq!(about(seats(&["A"]), &show::Error::NotAdmitted), whole);
        assert_eq!(about(Asked::Show, &taken), whole);
        assert_eq!(about(seats(&["A"]), &show::Error::NotFound), [""; 0]);
        let id = ReservationId(Uuid::from_u128(5));
        assert_eq!(
            about(Asked::Reservation(id), &show::Error::AlreadyExtended),
            [format!("reservation/{id}")]
        );
    }

    #[test]
    fn no_command_is_about_more_seats_than_a_hold() {
        let many: Vec<_> = (0..500).map(|number| number.to_string()).collect();
        let names: Vec<_> = many.iter().map(String::as_str).collect();
        let unblocked = show::Error::NotBlocked { seats: Vec::new() };
        assert_eq!(about(seats(&names), &unblocked).len(), MAX_SEATS);
    }

    #[test]
    fn what_a_client_wrote_is_not_kept() {
        for kept in [
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "01a21ed9-1f3c-709f-8b48-924a568bbebc",
        ] {
            assert_eq!(correlation(kept), kept);
        }
        for left in ["anna@example.com", "anna kim", "010-1234-5678", "order 7"] {
            assert_eq!(correlation(left), "", "{left}");
        }
        let problem = crate::error::problem(codes::UNKNOWN_SEATS, "no seats [\"anna\"]");
        assert_eq!(detail(&problem), "");
        let problem = crate::error::problem(codes::OFF_SALE, "é".repeat(500));
        assert_eq!(detail(&problem).len(), MAX_TEXT_BYTES);
    }
}
