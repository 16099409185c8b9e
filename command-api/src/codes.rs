//! The stable codes of everything that the command API refuses, each with its one status.

use axum::http::StatusCode;

/// What a refusal is called, and the status that it is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Stable name, `snake_case`.
    pub name: &'static str,
    /// HTTP status.
    pub status: StatusCode,
}

impl Code {
    /// The code of this name: for names that were stored with an event.
    pub fn named(name: &str) -> Option<Self> {
        ALL.iter().find(|code| code.name == name).copied()
    }
}

macro_rules! codes {
    ($($constant:ident = $name:literal $status:ident;)*) => {
        $(
            #[doc = concat!("`", $name, "`")]
            pub const $constant: Code = Code { name: $name, status: StatusCode::$status };
        )*

        /// Every code; `docs/errors.md` describes each.
        pub const ALL: &[Code] = &[$($constant),*];
    };
}

codes! {
    ALREADY_ANNOUNCED = "already_announced" CONFLICT;
    ALREADY_CONFIRMED = "already_confirmed" CONFLICT;
    ALREADY_ENTERED = "already_entered" CONFLICT;
    ALREADY_EXTENDED = "already_extended" CONFLICT;
    ALREADY_IN_WAITING_ROOM = "already_in_waiting_room" CONFLICT;
    ALREADY_OPENED = "already_opened" CONFLICT;
    ALREADY_PAID = "already_paid" CONFLICT;
    ALREADY_REFUNDED = "already_refunded" CONFLICT;
    ALREADY_REGISTERED = "already_registered" CONFLICT;
    ALREADY_REQUESTED = "already_requested" CONFLICT;
    ALREADY_SCHEDULED = "already_scheduled" CONFLICT;
    AMOUNT_MISMATCH = "amount_mismatch" CONFLICT;
    BALANCE_OVERFLOW = "balance_overflow" UNPROCESSABLE_ENTITY;
    BEACON_RECORDED = "beacon_recorded" CONFLICT;
    BUSY = "busy" SERVICE_UNAVAILABLE;
    CONFLICT = "conflict" CONFLICT;
    CUSTOMER_ERASED = "customer_erased" CONFLICT;
    DEBIT_BARRED = "debit_barred" CONFLICT;
    DROP_CLOSED = "drop_closed" CONFLICT;
    DROP_FULL = "drop_full" CONFLICT;
    DUPLICATE_SEAT = "duplicate_seat" UNPROCESSABLE_ENTITY;
    EMAIL_TAKEN = "email_taken" CONFLICT;
    EMPTY_SEATING_PLAN = "empty_seating_plan" UNPROCESSABLE_ENTITY;
    HOLD_EXPIRED = "hold_expired" CONFLICT;
    IDEMPOTENCY_KEY_EXPIRED = "idempotency_key_expired" CONFLICT;
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused" UNPROCESSABLE_ENTITY;
    INSUFFICIENT_POINTS = "insufficient_points" UNPROCESSABLE_ENTITY;
    INVALID_CREDENTIALS = "invalid_credentials" UNAUTHORIZED;
    INVALID_FIELD = "invalid_field" UNPROCESSABLE_ENTITY;
    INVALID_RECEIPT = "invalid_receipt" BAD_REQUEST;
    INVALID_REFRESH_TOKEN = "invalid_refresh_token" UNAUTHORIZED;
    INVALID_SEATING_PLAN = "invalid_seating_plan" UNPROCESSABLE_ENTITY;
    INVALID_SELECTION = "invalid_selection" BAD_REQUEST;
    INVALID_STANDING_AREA = "invalid_standing_area" UNPROCESSABLE_ENTITY;
    NOT_ADMITTED = "not_admitted" FORBIDDEN;
    NOT_BLOCKED = "not_blocked" CONFLICT;
    NOT_CONFIRMED = "not_confirmed" CONFLICT;
    NO_BEACON = "no_beacon" UNPROCESSABLE_ENTITY;
    NOT_FOUND = "not_found" NOT_FOUND;
    NOT_ON_SALE_YET = "not_on_sale_yet" TOO_EARLY;
    NOT_OPEN_YET = "not_open_yet" TOO_EARLY;
    NOT_REFUNDABLE = "not_refundable" CONFLICT;
    OFF_SALE = "off_sale" CONFLICT;
    OUT_OF_STEP = "out_of_step" CONFLICT;
    OUTCOME_UNKNOWN = "outcome_unknown" SERVICE_UNAVAILABLE;
    OVERLOADED = "overloaded" SERVICE_UNAVAILABLE;
    PAYMENT_ABANDONED = "payment_abandoned" CONFLICT;
    PAYMENT_FAILED = "payment_failed" CONFLICT;
    PAYMENT_IN_PROGRESS = "payment_in_progress" CONFLICT;
    PRICES_MISMATCH = "prices_mismatch" UNPROCESSABLE_ENTITY;
    PURCHASE_LIMIT_EXCEEDED = "purchase_limit_exceeded" UNPROCESSABLE_ENTITY;
    RESERVATION_CANCELLED = "reservation_cancelled" CONFLICT;
    SEATS_UNAVAILABLE = "seats_unavailable" CONFLICT;
    SHOW_CANCELLED = "show_cancelled" CONFLICT;
    STANDING_UNAVAILABLE = "standing_unavailable" CONFLICT;
    STRANDED_SEAT = "stranded_seat" UNPROCESSABLE_ENTITY;
    TOO_MANY_SEATS = "too_many_seats" UNPROCESSABLE_ENTITY;
    TOO_MANY_WEBHOOKS = "too_many_webhooks" UNPROCESSABLE_ENTITY;
    UNAVAILABLE = "unavailable" SERVICE_UNAVAILABLE;
    UNKNOWN_CATEGORY = "unknown_category" UNPROCESSABLE_ENTITY;
    UNKNOWN_SEATS = "unknown_seats" UNPROCESSABLE_ENTITY;
    WAITING_ROOM_CLOSED = "waiting_room_closed" CONFLICT;
    WAITING_ROOM_PAUSED = "waiting_room_paused" CONFLICT;
    WEBHOOK_DISABLED = "webhook_disabled" CONFLICT;
}
