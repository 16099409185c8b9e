//! `POST /v1/venues`

use axum::{extract::State, http::StatusCode};
use domain::{
    ids::VenueId,
    seating::StandingArea,
    venue::{Command, Event, Venue, command::Register, plan::SeatingPlan},
};
use edge::{
    Json, Problem,
    json::{self, JsonBytes},
};
use event_store::{Position, commands::Fingerprint};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    AppState,
    call::{OrganizerCall, fact, id_of},
    error::Refusal,
    routes::Refusals,
};

/// Bodies from this size on are read on a thread that may block: reading 16 MiB takes a tenth of a second.
const BLOCKING_FROM_BYTES: usize = 64 * 1024;

/// A venue to register.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewVenue {
    /// 1 to 200 bytes.
    name: String,
    /// Open seating-plan JSON (`size`, `categories`, `zones[].rows[].seats[]`); unknown fields are ignored.
    #[schema(value_type = Object)]
    seating_plan: Value,
    /// Areas sold by capacity.
    #[serde(default)]
    standing: Vec<NewStandingArea>,
    /// What the best seats are near to: `{x, y}` in the plan's unit; the middle of the plan where absent.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    focus: Option<Value>,
}

/// A standing area.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewStandingArea {
    /// Unique in the venue, at most 64 bytes.
    name: String,
    /// Its own category: no seat shares it.
    category: String,
    /// Places.
    capacity: u32,
}

/// The registered venue.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Registered {
    #[schema(value_type = Uuid)]
    venue_id: VenueId,
    /// Numbered seats.
    seats: u32,
    /// Standing places.
    standing_capacity: u32,
    #[schema(value_type = u64)]
    position: Position,
}

/// Register a venue with its seating plan.
#[utoipa::path(
    post, path = "/v1/venues", tag = "Organizers", security(("bearer" = [])), params(crate::routes::Headers),
    request_body = NewVenue, responses((status = 201, body = Registered), Refusals)
)]
pub(crate) async fn create_venue(
    State(state): State<AppState>,
    OrganizerCall { organizer_id, call }: OrganizerCall,
    JsonBytes(bytes): JsonBytes,
) -> Result<(StatusCode, Json<Registered>), Problem> {
    let (fingerprint, name, plan, standing) = if bytes.len() < BLOCKING_FROM_BYTES {
        read(&state, &bytes)?
    } else {
        let state = state.clone();
        let read = tokio::task::spawn_blocking(move || read(&state, &bytes)).await;
        read.map_err(|error| Problem::internal(&error))??
    };
    let command = Command::Register(Box::new(Register {
        organizer_id,
        name,
        plan,
        standing,
    }));
    let id = VenueId(Uuid::now_v7());
    let answer = state
        .execute::<Venue>(
            "create_venue",
            &state.executors.venues,
            id,
            &call,
            fingerprint,
            command,
        )
        .await?;
    let venue_id = id_of(&answer)?;
    let registered = fact(&answer, |event| match event {
        Event::VenueRegistered {
            seats,
            standing_capacity,
            ..
        } => Some(Registered {
            venue_id,
            seats: *seats,
            standing_capacity: *standing_capacity,
            position: answer.position,
        }),
        Event::ZoneAdded { .. } | Event::StandingAreaAdded { .. } => None,
    })?;
    Ok((StatusCode::CREATED, Json(registered)))
}

type Read = (Fingerprint, String, SeatingPlan, Vec<StandingArea>);

fn read(state: &AppState, bytes: &[u8]) -> Result<Read, Problem> {
    let body: NewVenue = json::parse(bytes)?;
    let fingerprint = state.fingerprint(&body);
    let plan = SeatingPlan::parse(&body.seating_plan).and_then(|plan| match &body.focus {
        Some(focus) => plan.with_focus(focus),
        None => Ok(plan),
    });
    let plan = plan.map_err(|error| error.problem(state.clock.now()))?;
    let area = |NewStandingArea {
                    name,
                    category,
                    capacity,
                }| StandingArea {
        name,
        category,
        capacity,
    };
    let standing = body.standing.into_iter().map(area).collect();
    Ok((fingerprint, body.name, plan, standing))
}
