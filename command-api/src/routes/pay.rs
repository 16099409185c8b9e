//! `POST /v1/payments`

use std::time::Duration;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{
    Aggregate,
    ids::{CustomerId, OrganizerId, PaymentId, ReservationId, ShowId},
    payment::{Command, METHOD, Payment, Status},
    points::Points,
    refusal::About,
    show::{self, Show},
};
use edge::{Json, Problem};
use event_store::{Position, StreamId, commands::Fingerprint, executor};
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout_at};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    AppState,
    call::{Call, CustomerCall, id_of},
    codes,
    error::{
        Refusal, at, declined, log_failed, payment_failed, payment_provider_failed, problem,
        refused,
    },
    process_managers::{
        checkout::{Checkout, End},
        steps::Halt,
    },
    routes::{Refusals, show_of},
};

/// First pause before a step is repeated; doubles each time, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Longest pause before a step is repeated.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// How often a payment is requested anew because the one in its way failed just then.
const REQUESTS: usize = 3;
/// Kept from the request's deadline for the answer itself.
pub(super) const ANSWERING: Duration = Duration::from_millis(100);

/// A payment to make.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPayment {
    #[schema(value_type = Uuid)]
    reservation_id: ReservationId,
    method: Method,
}

/// How to pay.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Method {
    /// From the customer's points.
    Points,
}

impl Method {
    /// The name that its provider goes by.
    fn name(self) -> &'static str {
        match self {
            Self::Points => METHOD,
        }
    }
}

/// A completed payment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Paid {
    #[schema(value_type = Uuid)]
    payment_id: PaymentId,
    #[schema(value_type = Uuid)]
    reservation_id: ReservationId,
    /// `completed`.
    status: &'static str,
    amount: Points,
    /// The customer's points after the payment.
    balance: Points,
    #[schema(value_type = u64)]
    position: Position,
}

/// A payment that goes on without the request: repeat the request with its key to learn how it ends.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Processing {
    #[schema(value_type = Uuid)]
    pub(super) payment_id: PaymentId,
    /// `processing`.
    pub(super) status: &'static str,
    #[schema(value_type = u64)]
    pub(super) position: Position,
}

/// Pay for a reservation: debits the points and sells the seats, or neither.
#[utoipa::path(
    post, path = "/v1/payments", tag = "Customers", security(("bearer" = [])), params(crate::routes::Headers),
    request_body = NewPayment,
    responses((status = 201, body = Paid), (status = 202, body = Processing), Refusals)
)]
pub(crate) async fn pay(
    State(state): State<AppState>,
    CustomerCall { customer_id, call }: CustomerCall,
    Json(body): Json<NewPayment>,
) -> Result<Response, Problem> {
    let (payment_id, requested) = begin(&state, &call, customer_id, &body).await?;
    let saga = Checkout::of_request(&state, payment_id, &call.origin, call.deadline);
    // The deadline falls between two steps or within one: either way the saga goes on without this request.
    let finished = timeout_at(call.deadline - ANSWERING, finish(&saga)).await;
    match finished.unwrap_or(Ok(None))? {
        Some(End::Completed {
            amount,
            balance,
            position,
        }) => {
            let (reservation_id, status) = (body.reservation_id, "completed");
            let paid = Paid {
                payment_id,
                reservation_id,
                status,
                amount,
                balance,
                position,
            };
            Ok((StatusCode::CREATED, Json(paid)).into_response())
        }
        Some(End::Failed {
            code,
            refunded,
            amount,
            balance,
            position,
        }) => {
            let problem = payment_failed(&code, refunded, position).with("payment_id", payment_id);
            if code == codes::INSUFFICIENT_POINTS.name {
                return Err(problem.with("balance", balance).with("required", amount));
            }
            if code == codes::HOLD_EXPIRED.name {
                return Err(lost(&state, customer_id, body.reservation_id, problem).await);
            }
            Err(problem)
        }
        None => {
            let processing = Processing {
                payment_id,
                status: "processing",
                position: requested,
            };
            Ok((StatusCode::ACCEPTED, Json(processing)).into_response())
        }
    }
}

/// The failure of a payment whose hold ran out, with where the seats went that are another's by now.
async fn lost(
    state: &AppState,
    customer_id: CustomerId,
    reservation_id: ReservationId,
    problem: Problem,
) -> Problem {
    let Ok(show_id) = show_of(state, reservation_id).await else {
        return problem;
    };
    let look = move |show: &Show, _, now| show.payable(reservation_id, customer_id, now).err();
    match state.executors.shows.read(&show_id.to_string(), look).await {
        Ok(Some(refusal)) => state.taken_seats.explain(show_id, &refusal, problem).await,
        // Free again, or not to be found out just now: the failure stands all the same.
        Ok(None) | Err(_) => problem,
    }
}

/// Drives the checkout until it ends; `None` when it can't be told how it goes on.
async fn finish(saga: &Checkout<'_>) -> Result<Option<End>, Problem> {
    let mut pause = FIRST_PAUSE;
    loop {
        let end = match saga.look().await {
            Ok(payment) => saga.finish(&payment).await,
            Err(halt) => Err(halt),
        };
        match end {
            Ok(end) => return Ok(Some(end)),
            Err(halt @ Halt::Later { .. }) => {
                tracing::warn!(error = %halt, "a step of a payment is repeated");
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Err(halt @ Halt::Broken { .. }) => {
                // The process manager keeps trying: whoever mends the cause need not touch the payment.
                tracing::error!(error = %halt, "a payment is stuck");
                return Ok(None);
            }
        }
    }
}

/// The payment that this request began, now or the first time, and where its request stands in the log.
async fn begin(
    state: &AppState,
    call: &Call,
    customer_id: CustomerId,
    body: &NewPayment,
) -> Result<(PaymentId, Position), Problem> {
    let fingerprint = state.fingerprint(body);
    match request(state, call, customer_id, body, &fingerprint).await {
        // What stands in the way may be the very payment that an earlier request with this key began.
        Err(refusal) if refusal.status().is_client_error() => {
            let known = known(state, call, &fingerprint).await?;
            if known.is_none() {
                note(state, call, body.reservation_id, &refusal).await;
            }
            known.ok_or(refusal)
        }
        begun => begun,
    }
}

/// Notes a refusal for auditors, where it is about a reservation that there is.
async fn note(state: &AppState, call: &Call, reservation_id: ReservationId, refusal: &Problem) {
    // Remembered since it was looked up for the request.
    if let Ok(Some(_)) = state.reservations.show_of(reservation_id).await {
        let about = About::Reservation(reservation_id);
        state.refusals.about(about, "pay", call, refusal);
    }
}

async fn request(
    state: &AppState,
    call: &Call,
    customer_id: CustomerId,
    body: &NewPayment,
    fingerprint: &Fingerprint,
) -> Result<(PaymentId, Position), Problem> {
    let show_id = show_of(state, body.reservation_id).await?;
    for _ in 0..REQUESTS {
        let (amount, organizer_id) = check(state, show_id, customer_id, body).await?;
        let command = Command::Request {
            reservation_id: body.reservation_id,
            show_id,
            customer_id,
            organizer_id,
            amount,
            method: body.method.name().to_owned(),
        };
        let id = PaymentId(Uuid::now_v7());
        let payments = &state.executors.payments;
        let sent = state.send::<Payment>("pay", payments, id, call, fingerprint.clone(), command);
        match sent.await {
            Ok(answer) => {
                state.failpoints.pass("payment.requested").await;
                return Ok((id_of(&answer)?, answer.position));
            }
            Err(executor::Error::ClaimTaken { stream, .. }) => {
                if let Some(refusal) = rival(state, &stream).await? {
                    return Err(refusal);
                }
            }
            Err(error) => return Err(refused(&error, state.clock.now())),
        }
    }
    Err(in_progress())
}

/// The payment that an earlier request with this key began.
async fn known(
    state: &AppState,
    call: &Call,
    fingerprint: &Fingerprint,
) -> Result<Option<(PaymentId, Position)>, Problem> {
    let known = state
        .log
        .known_commands(&[call.command_id])
        .await
        .map_err(|error| log_failed(&error))?;
    let Some(known) = known.into_iter().flatten().next() else {
        return Ok(None);
    };
    if known.fingerprint != *fingerprint {
        return Err(refused::<domain::payment::Error>(
            &executor::Error::KeyReused,
            state.clock.now(),
        ));
    }
    let before = Position(known.first.0 - 1);
    let events = state
        .log
        .read_all(before, 1)
        .await
        .map_err(|error| log_failed(&error))?;
    let event = events.first().filter(|event| event.position == known.first);
    let id = event.and_then(|event| event.stream.aggregate_id.parse().ok());
    let id = id.ok_or_else(|| Problem::internal(&Lost(known.first)))?;
    Ok(Some((id, known.last)))
}

/// What would be refused without anything recorded: decided anew by each request.
async fn check(
    state: &AppState,
    show_id: ShowId,
    customer_id: CustomerId,
    body: &NewPayment,
) -> Result<(Points, OrganizerId), Problem> {
    let (now, reservation_id) = (state.clock.now(), body.reservation_id);
    let look = move |show: &Show, _, now| {
        let amount = show.payable(reservation_id, customer_id, now)?;
        Ok((amount, show.organizer_id().unwrap_or_default()))
    };
    let payable = state.executors.shows.read(&show_id.to_string(), look).await;
    let (amount, organizer_id) = match payable.map_err(|error| refused(&error, now))? {
        Ok(payable) => payable,
        Err(refusal @ (show::Error::NotFound | show::Error::ReservationNotFound)) => {
            return Err(refusal.problem(now));
        }
        Err(refusal) => return Err(explained(state, show_id, reservation_id, &refusal).await?),
    };
    let method = body.method.name();
    let provider = state.payment_providers.of(method);
    let provider = provider.ok_or_else(|| Problem::internal(&NoProvider(method)))?;
    match provider.check(customer_id, amount).await {
        Ok(Ok(())) => Ok((amount, organizer_id)),
        // A payment that runs may have debited it already: then that is what stands in the way.
        Ok(Err(refusal)) => match live_payment(state, reservation_id).await? {
            Some(running) => Err(running),
            None => Err(declined(&refusal, amount)),
        },
        Err(error) => Err(payment_provider_failed(&error)),
    }
}

/// The show's refusal, unless a payment of the reservation explains it better.
async fn explained(
    state: &AppState,
    show_id: ShowId,
    reservation_id: ReservationId,
    refusal: &show::Error,
) -> Result<Problem, Problem> {
    if let show::Error::AlreadyConfirmed = refusal
        && let Some(refusal) = live_payment(state, reservation_id).await?
    {
        return Ok(refusal);
    }
    let show = StreamId::new(Show::TYPE, show_id.to_string());
    let problem = refusal.problem(state.clock.now());
    let problem = state.taken_seats.explain(show_id, refusal, problem).await;
    placed(state, &show, problem).await
}

/// The problem, with the position at which the stream stands.
async fn placed(state: &AppState, stream: &StreamId, problem: Problem) -> Result<Problem, Problem> {
    let heads = state.log.stream_heads(std::slice::from_ref(stream)).await;
    let head = heads
        .map_err(|error| log_failed(&error))?
        .into_iter()
        .flatten()
        .next();
    Ok(at(
        problem,
        head.map(|head| head.position).unwrap_or_default(),
    ))
}

/// The refusal in the name of the payment that holds the reservation's claim, if there is one.
async fn live_payment(
    state: &AppState,
    reservation_id: ReservationId,
) -> Result<Option<Problem>, Problem> {
    let claim = state
        .log
        .claim("live_payment", &reservation_id.to_string())
        .await;
    match claim.map_err(|error| log_failed(&error))? {
        Some(stream) => rival(state, &stream).await,
        None => Ok(None),
    }
}

/// The refusal in the name of the payment `stream`; `None` when it failed and is not in the way any more.
async fn rival(state: &AppState, stream: &StreamId) -> Result<Option<Problem>, Problem> {
    let look = |payment: &Payment, _, _| payment.status;
    let status = state
        .executors
        .payments
        .read(&stream.aggregate_id, look)
        .await;
    let refusal = match status.map_err(|error| refused(&error, state.clock.now()))? {
        Status::None | Status::Running => in_progress(),
        Status::Completed | Status::Refunding | Status::Refunded => {
            problem(codes::ALREADY_PAID, "the reservation is already paid for")
        }
        Status::Failed => return Ok(None),
    };
    let refusal = refusal.with("payment_id", &*stream.aggregate_id);
    placed(state, stream, refusal).await.map(Some)
}

fn in_progress() -> Problem {
    problem(
        codes::PAYMENT_IN_PROGRESS,
        "another payment of the reservation runs",
    )
}

#[derive(Debug, thiserror::Error)]
#[error("nobody takes payments by {0}")]
struct NoProvider(&'static str);

#[derive(Debug, thiserror::Error)]
#[error("the known command's event at position {0} is not a payment's")]
struct Lost(Position);
