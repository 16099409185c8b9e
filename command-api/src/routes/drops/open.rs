//! `POST /v1/drops`

use axum::{extract::State, http::StatusCode};
use chrono::{DateTime, SubsecRound, Utc};
use domain::{
    drop::{Beacon, Command, DrawMode, Event, FairDrop, Open},
    ids::{DropId, OrganizerId, ShowId},
    points::Points,
    show::Show,
};
use edge::{Json, Problem};
use event_store::Position;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    AppState,
    call::{OrganizerCall, fact, id_of},
    codes,
    drops::fairness,
    error::{key_store_failed, problem, refused},
    routes::Refusals,
};

/// A drop to open.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewDrop {
    /// 1 to 200 bytes.
    title: String,
    /// 1 to 1,000,000.
    stock: u32,
    /// A decimal above 0, at most 1, with up to 18 digits behind the point.
    #[schema(example = "0.05")]
    win_probability: String,
    /// What a winner pays, in points: 0 to 1,000,000,000.
    price: Points,
    /// First instant at which an entry is accepted.
    opens_at: DateTime<Utc>,
    /// First instant at which none is accepted any more.
    closes_at: DateTime<Utc>,
    /// When entries are drawn: all when it closes, or each as it comes.
    #[schema(value_type = NewDropDraw)]
    draw: DrawMode,
    /// A public value that appears after entries close; only with `at_close`.
    #[serde(default)]
    beacon: Option<NewBeacon>,
    /// The show whose waiting room stands before it.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    show_id: Option<ShowId>,
}

/// When entries are drawn.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the domain's type")]
pub(crate) enum NewDropDraw {
    AtClose,
    OnEntry,
}

/// A public value that nobody can know before entries close.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBeacon {
    /// Who publishes it, 1 to 200 bytes.
    #[schema(example = "drand quicknet")]
    source: String,
    /// Which of its values, 1 or more; where it is known when it is published (`drand quicknet`, `drand default`), one later than `closes_at`.
    round: u64,
}

/// The drop.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Opened {
    #[schema(value_type = Uuid)]
    drop_id: DropId,
    /// SHA-256 of the secret that the draw follows from, in hexadecimal.
    commitment: String,
    #[schema(value_type = u64)]
    position: Position,
}

/// Open a drop: a lottery for goods, whose draw anyone can check. Its secret is committed to before anybody enters.
#[utoipa::path(
    post, path = "/v1/drops", tag = "Drops", security(("bearer" = [])), params(crate::routes::Headers),
    request_body = NewDrop, responses((status = 201, body = Opened), Refusals)
)]
pub(crate) async fn open_drop(
    State(state): State<AppState>,
    OrganizerCall { organizer_id, call }: OrganizerCall,
    Json(body): Json<NewDrop>,
) -> Result<(StatusCode, Json<Opened>), Problem> {
    let fingerprint = state.fingerprint(&body);
    if let Some(show) = body.show_id {
        check_show(&state, show, organizer_id).await?;
    }
    let id = DropId(Uuid::now_v7());
    let name = fairness::secret_name(id);
    let keys = state.drops.keys();
    let secret = keys.create_secret(&name).await;
    let secret = secret.map_err(|error| key_store_failed(&error))?;
    let command = Command::Open(Box::new(open(body, organizer_id, &secret)));
    let drops = &state.executors.drops;
    let sent = state.send::<FairDrop>("open_drop", drops, id, &call, fingerprint, command);
    let sent = sent.await;
    let is_ours =
        |answer: &crate::call::Executed<FairDrop>| *answer.stream.aggregate_id == *id.to_string();
    let is_unused = match &sent {
        Ok(answer) => !is_ours(answer),
        // Of an unknown outcome nobody knows whether the secret is committed to.
        Err(error) => matches!(error, event_store::executor::Error::Refused { .. }),
    };
    if is_unused && let Err(error) = keys.destroy_secret(&name).await {
        tracing::warn!(%error, "a secret that nothing is committed to was left");
    }
    let answer = sent.map_err(|error| refused(&error, state.clock.now()))?;
    let drop_id = id_of(&answer)?;
    let commitment = fact(&answer, |event| match event {
        Event::DropOpened { commitment, .. } => Some(commitment.clone()),
        _ => None,
    })?;
    let opened = Opened {
        drop_id,
        commitment,
        position: answer.position,
    };
    Ok((StatusCode::CREATED, Json(opened)))
}

/// The show must be this organizer's and have a waiting room.
async fn check_show(
    state: &AppState,
    id: ShowId,
    organizer_id: OrganizerId,
) -> Result<(), Problem> {
    let look = move |show: &Show, _, _| {
        (show.organizer_id() == Some(organizer_id)).then(|| show.waiting_room().is_some())
    };
    let has_room = state.executors.shows.read(&id.to_string(), look).await;
    match has_room.map_err(|error| refused(&error, state.clock.now()))? {
        None => Err(Problem::not_found("show")),
        Some(false) => {
            let detail = "show_id: the show has no waiting room";
            Err(problem(codes::INVALID_FIELD, detail).with("at", "show_id"))
        }
        Some(true) => Ok(()),
    }
}

fn open(body: NewDrop, organizer_id: OrganizerId, secret: &crate::key_store::Key) -> Open {
    Open {
        organizer_id,
        title: body.title,
        stock: body.stock,
        win_probability: body.win_probability,
        price: body.price,
        // Stored times have microseconds.
        opens_at: body.opens_at.trunc_subsecs(6),
        closes_at: body.closes_at.trunc_subsecs(6),
        draw: body.draw,
        beacon: body.beacon.map(|beacon| Beacon {
            source: beacon.source,
            round: beacon.round,
        }),
        show_id: body.show_id,
        commitment: fairness::commitment(secret),
    }
}
