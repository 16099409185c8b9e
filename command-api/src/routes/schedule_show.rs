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
    waiting_room::Settings,
};
use edge::{Json, Problem};
use event_store::Position;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    AppState,
    call::{OrganizerCall, fact, id_of},
    error::{refused, waiting_room_failed},
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
    /// Where customers wait for their turn; without it, whoever asks may hold.
    #[serde(default)]
    waiting_room: Option<NewWaitingRoom>,
}

/// How fast a waiting room lets customers in, how many at a time, for how long.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewWaitingRoom {
    /// Customers let in per second: 1 to 10,000.
    admit_per_second: u32,
    /// Customers with a pass who have not bought yet: 1 to 100,000.
    max_active: u32,
    /// How long a pass is good for: 1 to 7,200.
    #[serde(default = "ten_minutes")]
    pass_seconds: u32,
}

fn ten_minutes() -> u32 {
    600
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
    let fingerprint = state.fingerprint(&body);
    check_concert(&state, body.concert_id, organizer_id).await?;
    let venue = venue(&state, body.venue_id, organizer_id).await?;
    let has_room = body.waiting_room.is_some();
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
    let position = if has_room {
        put_up_room(&state, show_id).await?.max(answer.position)
    } else {
        answer.position
    };
    let scheduled = fact(&answer, |event| match event {
        Event::ShowScheduled {
            seats,
            standing_capacity,
            ..
        } => Some(Scheduled {
            show_id,
            capacity: seats + standing_capacity,
            position,
        }),
        _ => None,
    })?;
    Ok((StatusCode::CREATED, Json(scheduled)))
}

/// Its stream begins with the show, so that the seed is committed to before anybody enters. A request that dies before it is repeated, or
/// the first entry makes up for it.
async fn put_up_room(state: &AppState, show: ShowId) -> Result<Position, Problem> {
    let failed = |error| waiting_room_failed(&error, state.clock.now());
    let position = state.rooms.put_up(show).await.map_err(failed)?;
    // Nobody waits for this: the store may be away, and the first entry opens the room, too.
    if let Err(error) = state.rooms.open(show).await {
        tracing::warn!(%error, show.id = %show, "the waiting room is opened later");
    }
    Ok(position)
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
        waiting_room: body.waiting_room.map(|room| Settings {
            admit_per_second: room.admit_per_second,
            max_active: room.max_active,
            pass_seconds: room.pass_seconds,
        }),
        categories: venue.categories,
        focus: venue.focus,
        zones: venue.zones,
        standing: venue.standing,
    }
}
