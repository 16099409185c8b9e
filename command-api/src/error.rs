//! Refusals as problems: the sole, exhaustive match of every error of the domain, the executor and the log.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{
    concert, customer, operation, payment, point_account, points::Points, show, venue, waiting_room,
};
use edge::problem::Problem;
use event_store::{Position, executor, log};

use crate::{
    codes::{self, Code},
    credentials, key_store, passwords,
    payment_provider::{self, Declined},
    personal_data,
    waiting_room::{Error as RoomError, rooms},
};

/// When to try again after a queue was full or others kept winning: both last milliseconds.
const RETRY_SOON: Duration = Duration::from_secs(1);
/// When to try again while the log can't be reached.
const RETRY_LATER: Duration = Duration::from_secs(2);

/// A problem under one of the API's codes.
pub fn problem(code: Code, detail: impl Into<String>) -> Problem {
    Problem::new(code.status, code.name, detail)
}

/// An aggregate's refusal as an answer.
pub trait Refusal: std::error::Error {
    /// The problem; `now` is what waiting times are counted from.
    fn problem(&self, now: DateTime<Utc>) -> Problem;
}

/// An executor's error as an answer.
pub fn refused<X: Refusal + 'static>(error: &executor::Error<X>, now: DateTime<Utc>) -> Problem {
    match error {
        executor::Error::Refused { error, position } => at(error.problem(now), *position),
        executor::Error::ClaimTaken { namespace, .. } => match namespace.as_str() {
            "email" => problem(
                codes::EMAIL_TAKEN,
                "the e-mail address has an account already",
            ),
            "live_payment" => problem(
                codes::PAYMENT_IN_PROGRESS,
                "another payment of the reservation runs",
            ),
            _ => problem(codes::CONFLICT, "another request took it first"),
        },
        executor::Error::KeyReused => problem(codes::IDEMPOTENCY_KEY_REUSED, error.to_string()),
        executor::Error::KeyExpired => problem(codes::IDEMPOTENCY_KEY_EXPIRED, error.to_string()),
        executor::Error::Overloaded => {
            nothing_done(codes::OVERLOADED, &error.to_string(), RETRY_SOON)
        }
        executor::Error::Busy => nothing_done(codes::BUSY, &error.to_string(), RETRY_SOON),
        executor::Error::Unknown(_) => outcome_unknown(error),
        executor::Error::Unavailable(_) => unavailable(error),
        executor::Error::Broken(_) => Problem::internal(error),
    }
}

/// The log's own error as an answer.
pub fn log_failed(error: &log::Error) -> Problem {
    match error {
        log::Error::Unknown(_) => outcome_unknown(error),
        log::Error::Unavailable(_) => unavailable(error),
        log::Error::Invalid(_) | log::Error::Corrupt(_) | log::Error::Refused(_) => {
            Problem::internal(error)
        }
    }
}

/// The key store's error as an answer.
pub fn key_store_failed(error: &key_store::Error) -> Problem {
    match error {
        key_store::Error::Unavailable(_) => store_unavailable("key store", error),
        key_store::Error::Destroyed { .. }
        | key_store::Error::Name { .. }
        | key_store::Error::Random
        | key_store::Error::Refused(_) => Problem::internal(error),
    }
}

/// The credentials' error as an answer.
pub fn credentials_failed(error: &credentials::Error) -> Problem {
    match error {
        credentials::Error::Unavailable(_) => store_unavailable("credentials", error),
        credentials::Error::Refused(_) => Problem::internal(error),
    }
}

/// A waiting room's error as an answer.
pub fn waiting_room_failed(error: &rooms::Error, now: DateTime<Utc>) -> Problem {
    match error {
        rooms::Error::None => Problem::not_found("waiting room"),
        rooms::Error::Closed => problem(codes::WAITING_ROOM_CLOSED, error.to_string()),
        rooms::Error::Store(RoomError::Refused(_)) => Problem::internal(error),
        rooms::Error::Store(
            error @ (RoomError::Unavailable(_)
            | RoomError::NotOpen
            | RoomError::NoNumbers { .. }
            | RoomError::TooLate),
        ) => store_unavailable("waiting room", error),
        rooms::Error::Room(error) => refused(error, now),
        rooms::Error::Show(error) => refused(error, now),
        rooms::Error::Log(error) => log_failed(error),
        rooms::Error::Keys(error) => key_store_failed(error),
    }
}

/// A password that could not be hashed or checked, as an answer.
pub fn passwords_failed(error: &passwords::Error) -> Problem {
    match error {
        passwords::Error::Overloaded => nothing_done(
            codes::OVERLOADED,
            &error.to_string(),
            passwords::RETRY_AFTER,
        ),
        passwords::Error::Broken(_) => Problem::internal(error),
    }
}

/// Personal data that could not be encrypted or read, as an answer.
pub fn personal_data_failed(error: &personal_data::Error) -> Problem {
    match error {
        personal_data::Error::Seal | personal_data::Error::Open => Problem::internal(error),
    }
}

/// A payment provider that did not answer, before anything was recorded.
pub fn payment_provider_failed(error: &payment_provider::Error) -> Problem {
    match error {
        payment_provider::Error::Overloaded => {
            nothing_done(codes::OVERLOADED, &error.to_string(), RETRY_SOON)
        }
        payment_provider::Error::Busy => nothing_done(codes::BUSY, &error.to_string(), RETRY_SOON),
        payment_provider::Error::Unavailable(_) | payment_provider::Error::Unknown(_) => {
            tracing::warn!(%error, "a payment provider does not answer");
            let detail = "the payment provider can't be reached";
            nothing_done(codes::UNAVAILABLE, detail, RETRY_LATER)
        }
        payment_provider::Error::Broken(_) => Problem::internal(error),
    }
}

/// A payment of `required` that its provider would decline, before anything was recorded.
pub fn declined(declined: &Declined, required: Points) -> Problem {
    let code = Code::named(declined.code).unwrap_or(codes::PAYMENT_FAILED);
    let problem = problem(code, &*declined.detail)
        .with("balance", declined.balance)
        .with("required", required);
    match declined.position {
        Some(position) => at(problem, position),
        None => problem,
    }
}

/// A payment that was recorded as failed: what it was refused for, and whether points came back.
pub fn payment_failed(code: &str, refunded: bool, position: Position) -> Problem {
    let known = Code::named(code).unwrap_or(codes::PAYMENT_FAILED);
    let detail = if refunded {
        format!("the payment was refused ({code}); the points are back")
    } else {
        format!("the payment was refused ({code}); nothing was debited")
    };
    at(problem(known, detail).with("refunded", refunded), position)
}

/// Says where the stream stood that refused.
pub fn at(problem: Problem, position: Position) -> Problem {
    problem.with("position", position)
}

fn nothing_done(code: Code, detail: &str, after: Duration) -> Problem {
    problem(code, detail)
        .with("outcome", "nothing_done")
        .retry_after(after)
}

fn unavailable(error: &dyn std::error::Error) -> Problem {
    tracing::warn!(%error, "the log is unavailable");
    nothing_done(codes::UNAVAILABLE, "the log can't be reached", RETRY_LATER)
}

fn store_unavailable(store: &str, error: &dyn std::error::Error) -> Problem {
    tracing::warn!(%error, store, "a store is unavailable");
    let detail = format!("the {store} can't be reached");
    problem(codes::UNAVAILABLE, detail).retry_after(RETRY_LATER)
}

fn outcome_unknown(error: &dyn std::error::Error) -> Problem {
    tracing::warn!(%error, "the outcome of a command is unknown");
    problem(
        codes::OUTCOME_UNKNOWN,
        "the command may or may not have been recorded: repeat it with the same Idempotency-Key",
    )
    .outcome_unknown()
    .retry_after(RETRY_SOON)
}

impl Refusal for show::Error {
    fn problem(&self, now: DateTime<Utc>) -> Problem {
        let say = |code| problem(code, self.to_string());
        match self {
            Self::NotFound | Self::ReservationNotFound => say(codes::NOT_FOUND),
            Self::AlreadyScheduled => say(codes::ALREADY_SCHEDULED),
            Self::Invalid { at, .. } => say(codes::INVALID_FIELD).with("at", at),
            Self::PricesMismatch { missing, unknown } => say(codes::PRICES_MISMATCH)
                .with("missing", missing)
                .with("unknown", unknown),
            Self::UnknownSeats { seats } => say(codes::UNKNOWN_SEATS).with("seats", seats),
            Self::UnknownCategory { category } => {
                say(codes::UNKNOWN_CATEGORY).with("category", category)
            }
            Self::SeatsUnavailable {
                seats,
                alternatives,
            } => say(codes::SEATS_UNAVAILABLE)
                .with("seats", guids(seats))
                .with("alternatives", alternatives),
            Self::StandingUnavailable {
                category,
                asked,
                remaining,
            } => say(codes::STANDING_UNAVAILABLE)
                .with("category", category)
                .with("required", asked)
                .with("remaining", remaining),
            Self::PurchaseLimitExceeded {
                limit,
                owned,
                asked,
            } => say(codes::PURCHASE_LIMIT_EXCEEDED)
                .with("limit", limit)
                .with("owned", owned)
                .with("required", asked),
            Self::StrandedSeat {
                seats,
                alternatives,
            } => say(codes::STRANDED_SEAT)
                .with("seats", seats)
                .with("alternatives", alternatives),
            Self::NotOnSaleYet { on_sale_at } => say(codes::NOT_ON_SALE_YET)
                .with("on_sale_at", on_sale_at)
                .retry_after((*on_sale_at - now).to_std().unwrap_or_default()),
            Self::OffSale { off_sale_at } => say(codes::OFF_SALE).with("off_sale_at", off_sale_at),
            Self::ShowCancelled => say(codes::SHOW_CANCELLED),
            Self::NotAdmitted => say(codes::NOT_ADMITTED),
            Self::PassUsed => say(codes::NOT_ADMITTED).with("reason", "used"),
            Self::HoldExpired { expired_at, .. } => {
                say(codes::HOLD_EXPIRED).with("expired_at", expired_at)
            }
            Self::AlreadyExtended => say(codes::ALREADY_EXTENDED),
            Self::AlreadyConfirmed => say(codes::ALREADY_CONFIRMED),
            Self::ReservationCancelled => say(codes::RESERVATION_CANCELLED),
            Self::PaymentAbandoned { .. } => say(codes::PAYMENT_ABANDONED),
            Self::AmountMismatch { expected, .. } => {
                say(codes::AMOUNT_MISMATCH).with("required", expected)
            }
            Self::NotConfirmed => say(codes::NOT_CONFIRMED),
            Self::NotBlocked { seats } => say(codes::NOT_BLOCKED).with("seats", seats),
        }
    }
}

fn guids(seats: &[show::TakenSeat]) -> Vec<&str> {
    seats.iter().map(|seat| seat.seat_guid.as_str()).collect()
}

impl Refusal for payment::Error {
    fn problem(&self, _now: DateTime<Utc>) -> Problem {
        let say = |code| problem(code, self.to_string());
        match self {
            Self::NotFound => say(codes::NOT_FOUND),
            Self::AlreadyRequested => say(codes::ALREADY_REQUESTED),
            Self::AlreadyCompleted => say(codes::ALREADY_PAID),
            Self::AlreadyFailed { .. } => say(codes::PAYMENT_FAILED),
            Self::AlreadyRefunded => say(codes::ALREADY_REFUNDED),
            Self::NotRefundable { status } => {
                say(codes::NOT_REFUNDABLE).with("payment_status", status)
            }
            Self::Invalid { at, .. } => say(codes::INVALID_FIELD).with("at", at),
        }
    }
}

impl Refusal for point_account::Error {
    fn problem(&self, _now: DateTime<Utc>) -> Problem {
        let say = |code| problem(code, self.to_string());
        match self {
            Self::InsufficientPoints { balance, required } => say(codes::INSUFFICIENT_POINTS)
                .with("balance", balance)
                .with("required", required),
            Self::DebitBarred => say(codes::DEBIT_BARRED),
            Self::BalanceOverflow => say(codes::BALANCE_OVERFLOW),
            Self::Invalid { at, .. } => say(codes::INVALID_FIELD).with("at", at),
        }
    }
}

impl Refusal for venue::Error {
    fn problem(&self, _now: DateTime<Utc>) -> Problem {
        match self {
            Self::Invalid { at, code, .. } => {
                let code = Code::named(code).unwrap_or(codes::INVALID_FIELD);
                problem(code, self.to_string()).with("at", at)
            }
            Self::AlreadyRegistered => problem(codes::ALREADY_REGISTERED, self.to_string()),
        }
    }
}

impl Refusal for concert::Error {
    fn problem(&self, _now: DateTime<Utc>) -> Problem {
        let say = |code| problem(code, self.to_string());
        match self {
            Self::NotFound => say(codes::NOT_FOUND),
            Self::AlreadyAnnounced => say(codes::ALREADY_ANNOUNCED),
            Self::Invalid { at, .. } => say(codes::INVALID_FIELD).with("at", at),
        }
    }
}

impl Refusal for waiting_room::Error {
    fn problem(&self, _now: DateTime<Utc>) -> Problem {
        let say = |code| problem(code, self.to_string());
        match self {
            Self::NotFound => say(codes::NOT_FOUND),
            Self::Closed => say(codes::WAITING_ROOM_CLOSED),
            Self::Paused => say(codes::WAITING_ROOM_PAUSED),
            Self::Invalid { at, .. } => say(codes::INVALID_FIELD).with("at", at),
        }
    }
}

impl Refusal for operation::Error {
    fn problem(&self, _now: DateTime<Utc>) -> Problem {
        let say = |code| problem(code, self.to_string());
        match self {
            Self::AlreadyRecorded => say(codes::CONFLICT),
            Self::Invalid { at, .. } => say(codes::INVALID_FIELD).with("at", at),
        }
    }
}

impl Refusal for customer::Error {
    fn problem(&self, _now: DateTime<Utc>) -> Problem {
        let say = |code| problem(code, self.to_string());
        match self {
            Self::NotFound => say(codes::NOT_FOUND),
            Self::AlreadyRegistered => say(codes::ALREADY_REGISTERED),
            Self::Erased => say(codes::CUSTOMER_ERASED),
        }
    }
}
