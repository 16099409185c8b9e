//! `POST /v1/shows`

use std::collections::BTreeMap;

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, SubsecRound, Utc};
use domain::{
    concert::Concert,
    ids::{ConcertId, OrganizerId, ShowId, VenueId},
    points::Points,
    show::{Command, Event, Show, command::Schedule},
    venue::Venue,
};
use edge::{Json, Problem};
use event_store::Position;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    AppState,
    call::{OrganizerCall, fact, id_of},
    codes,
    error::{problem, refused},
    routes::Refusals,
};

/// A show to put up: one dated concert in one venue.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewShow {
    #[schema(value_type = Uuid)]
    concert_id: ConcertId,
    #[schema(value_type = Uuid)]
    venue_id: VenueId,
    /// When the concert begins.
    starts_at: DateTime<Utc>,
    /// First instant at which a hold is accepted.
    on_sale_at: DateTime<Utc>,
    /// First instant at which none is accepted any more.
    #[serde(default)]
    off_sale_at: Option<DateTime<Utc>>,
    /// Price by category; names exactly the venue's categories, standing ones included.
    prices: BTreeMap<String, Points>,
    /// Length of a hold: 1 to 3,600.
    #[serde(default = "five_minutes")]
    hold_seconds: u32,
    /// Seats and standing places that one customer may hold or own: 1 to 100.
    #[serde(default = "four")]
    max_seats_per_customer: u32,
    /// Whether holds that would leave a single free seat are refused.
    #[serde(default)]
    no_stranded_seats: bool,
    /// Not supported yet: refused with `waiting_room_unsupported`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    waiting_room: Option<Value>,
}

fn five_minutes() -> u32 {
    300
}

fn four() -> u32 {
    4
}

/// The scheduled show.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Scheduled {
    #[schema(value_type = Uuid)]
    show_id: ShowId,
    /// Numbered seats and standing places together.
    capacity: u32,
    #[schema(value_type = u64)]
    position: Position,
}

/// Schedule a show: a dated concert in a venue, with prices and a sale window.
#[utoipa::path(
    post, path = "/v1/shows", tag = "Organizers", security(("bearer" = [])), params(crate::routes::Headers),
    request_body = NewShow, responses((status = 201, body = Scheduled), Refusals)
)]
pub(crate) async fn schedule_show(
    State(state): State<AppState>,
    OrganizerCall { organizer_id, call }: OrganizerCall,
    Json(body): Json<NewShow>,
) -> Result<(StatusCode, Json<Scheduled>), Problem> {
    if body.waiting_room.is_some() {
        return Err(problem(
            codes::WAITING_ROOM_UNSUPPORTED,
            "shows have no waiting room yet",
        ));
    }
    let fingerprint = state.fingerprint(&body);
    check_concert(&state, body.concert_id, organizer_id).await?;
    let venue = venue(&state, body.venue_id, organizer_id).await?;
    let command = Command::Schedule(Box::new(schedule(body, organizer_id, venue)));
    let id = ShowId(Uuid::now_v7());
    let answer = state
        .execute::<Show>(
            "schedule_show",
            &state.executors.shows,
            id,
            &call,
            fingerprint,
            command,
        )
        .await?;
    let show_id = id_of(&answer)?;
    let scheduled = fact(&answer, |event| match event {
        Event::ShowScheduled {
            seats,
            standing_capacity,
            ..
        } => Some(Scheduled {
            show_id,
            capacity: seats + standing_capacity,
            position: answer.position,
        }),
        _ => None,
    })?;
    Ok((StatusCode::CREATED, Json(scheduled)))
}

/// The concert must be this organizer's.
async fn check_concert(
    state: &AppState,
    id: ConcertId,
    organizer_id: OrganizerId,
) -> Result<(), Problem> {
    let look = move |concert: &Concert, _, _| concert.organizer_id == Some(organizer_id);
    let own = state.executors.concerts.read(&id.to_string(), look).await;
    if own.map_err(|error| refused(&error, state.clock.now()))? {
        Ok(())
    } else {
        Err(Problem::not_found("concert"))
    }
}

/// A copy of the venue, which must be this organizer's.
async fn venue(state: &AppState, id: VenueId, organizer_id: OrganizerId) -> Result<Venue, Problem> {
    let look = move |venue: &Venue, _, _| {
        (venue.organizer_id == Some(organizer_id)).then(|| venue.clone())
    };
    let venue = state.executors.venues.read(&id.to_string(), look).await;
    let venue = venue.map_err(|error| refused(&error, state.clock.now()))?;
    venue.ok_or_else(|| Problem::not_found("venue"))
}

fn schedule(body: NewShow, organizer_id: OrganizerId, venue: Venue) -> Schedule {
    Schedule {
        organizer_id,
        concert_id: body.concert_id,
        venue_id: body.venue_id,
        // Stored times have microseconds.
        starts_at: body.starts_at.trunc_subsecs(6),
        on_sale_at: body.on_sale_at.trunc_subsecs(6),
        off_sale_at: body.off_sale_at.map(|at| at.trunc_subsecs(6)),
        prices: body.prices,
        hold_seconds: body.hold_seconds,
        max_seats_per_customer: body.max_seats_per_customer,
        no_stranded_seats: body.no_stranded_seats,
        categories: venue.categories,
        focus: venue.focus,
        zones: venue.zones,
        standing: venue.standing,
    }
}
