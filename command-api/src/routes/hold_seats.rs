//! `POST /v1/reservations`

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use chrono::{DateTime, Utc};
use domain::{
    ids::{CustomerId, EntryId, ReservationId, ShowId},
    points::Points,
    show::{
        Command, Event,
        command::Selection,
        event::{HeldSeat, HeldStanding},
    },
};
use edge::{Json, Problem};
use event_store::Position;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    AppState,
    call::{CustomerCall, fact},
    codes,
    error::problem,
    routes::Refusals,
    waiting_room::{PASS_HEADER, PassProblem},
};

/// What to hold: exactly one of `seats`, `best_available` and `standing`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hold {
    #[schema(value_type = Uuid)]
    show_id: ShowId,
    /// `seat_guid`s; all or none.
    #[serde(default)]
    seats: Option<Vec<String>>,
    #[serde(default)]
    best_available: Option<BestAvailable>,
    #[serde(default)]
    standing: Option<Standing>,
}

/// The best free seats of a category.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BestAvailable {
    category: String,
    quantity: u32,
    /// Whether they must stand side by side in one row.
    #[serde(default = "side_by_side")]
    adjacent: bool,
}

/// Standing places.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Standing {
    /// The area's category.
    category: String,
    quantity: u32,
}

/// Fans come together.
fn side_by_side() -> bool {
    true
}

/// The reservation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Held {
    #[schema(value_type = Uuid)]
    reservation_id: ReservationId,
    #[schema(value_type = Uuid)]
    show_id: ShowId,
    /// `held`.
    status: &'static str,
    #[schema(value_type = Vec<SeatOfReservation>)]
    seats: Vec<HeldSeat>,
    #[schema(value_type = Option<StandingOfReservation>)]
    standing: Option<HeldStanding>,
    amount: Points,
    expires_at: DateTime<Utc>,
    #[schema(value_type = u64)]
    position: Position,
}

/// A held seat: what its ticket will say.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SeatOfReservation {
    seat_guid: String,
    zone: String,
    row: String,
    number: String,
    category: String,
    price: Points,
}

/// Held standing places.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StandingOfReservation {
    name: String,
    category: String,
    quantity: u32,
    /// Of one place.
    price: Points,
}

/// Hold seats or standing places for a few minutes: all of them or none.
#[utoipa::path(
    post, path = "/v1/reservations", tag = "Customers", security(("bearer" = [])),
    params(crate::routes::Headers, ("Queue-Pass" = Option<String>, Header, description = "The pass, where the show has a waiting room")),
    request_body = Hold, responses((status = 201, body = Held), Refusals)
)]
pub(crate) async fn hold_seats(
    State(state): State<AppState>,
    CustomerCall { customer_id, call }: CustomerCall,
    headers: HeaderMap,
    Json(body): Json<Hold>,
) -> Result<(StatusCode, Json<Held>), Problem> {
    let fingerprint = state.fingerprint(&body);
    let show_id = body.show_id;
    let reservation_id = ReservationId(Uuid::now_v7());
    let pass = read_pass(&state, show_id, customer_id, &headers);
    let command = Command::Hold {
        reservation_id,
        customer_id,
        selection: selection(body)?,
        pass: pass.ok(),
    };
    let answer = state
        .execute_on_show("hold_seats", show_id, &call, fingerprint, command)
        .await
        .map_err(|problem| explain(problem, pass.err()))?;
    let held = fact(&answer, |event| held(show_id, event, answer.position))?;
    state.reservations.remember(held.reservation_id, show_id);
    Ok((StatusCode::CREATED, Json(held)))
}

/// The pass that the request shows, checked without asking anybody; whether one is needed, the show knows.
fn read_pass(
    state: &AppState,
    show: ShowId,
    customer: CustomerId,
    headers: &HeaderMap,
) -> Result<EntryId, PassProblem> {
    let text = headers.get(PASS_HEADER).ok_or(PassProblem::Missing)?;
    let text = text.to_str().map_err(|_| PassProblem::Invalid)?;
    let now = state.clock.now();
    state.tickets.read_pass(show, customer, text, now)
}

/// Says what is wrong with the pass, where that is why the request is refused.
fn explain(problem: Problem, pass: Option<PassProblem>) -> Problem {
    match pass {
        Some(pass) if problem.code() == codes::NOT_ADMITTED.name => {
            problem.with("reason", pass.name())
        }
        _ => problem,
    }
}

fn selection(body: Hold) -> Result<Selection, Problem> {
    match (body.seats, body.best_available, body.standing) {
        (Some(seats), None, None) => Ok(Selection::Seats(seats)),
        (
            None,
            Some(BestAvailable {
                category,
                quantity,
                adjacent,
            }),
            None,
        ) => Ok(Selection::BestAvailable {
            category,
            quantity,
            adjacent,
        }),
        (None, None, Some(Standing { category, quantity })) => {
            Ok(Selection::Standing { category, quantity })
        }
        _ => Err(problem(
            codes::INVALID_SELECTION,
            "exactly one of seats, best_available and standing is needed",
        )),
    }
}

fn held(show_id: ShowId, event: &Event, position: Position) -> Option<Held> {
    let Event::SeatsHeld {
        reservation_id,
        seats,
        standing,
        amount,
        expires_at,
        ..
    } = event
    else {
        return None;
    };
    Some(Held {
        reservation_id: *reservation_id,
        show_id,
        status: "held",
        seats: seats.clone(),
        standing: standing.clone(),
        amount: *amount,
        expires_at: *expires_at,
        position,
    })
}
