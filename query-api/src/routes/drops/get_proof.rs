//! `GET /v1/drops/{id}/proof`

use std::io;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::{
    drop::{DrawMode, Status},
    ids::DropId,
};
use edge::{Path, problem::ProblemBody};
use read_model::{
    At, ProjectionId,
    tables::{Drop, DropEntry},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{fairness, get_drop::DrawModeView, status};
use crate::{
    answer::found,
    error::Error,
    freshness::{AtLeast, POSITION},
    state::AppState,
};

/// Name of the form; permanent.
const FORMAT: &str = "frontrow-drop-proof/1";
/// Entries read and sent at a time: some 100 KiB, however long the list is.
const PAGE: u32 = 1_000;

/// Everything that the draw follows from, and what it came to: `frontrow audit verify-draw` checks it without a server.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Proof {
    #[schema(example = "frontrow-drop-proof/1")]
    format: &'static str,
    drop_id: Uuid,
    title: String,
    #[schema(value_type = DrawModeView)]
    draw: DrawMode,
    /// `beacon` or `operator-trusted`.
    fairness: &'static str,
    stock: u32,
    win_probability: String,
    price: i64,
    opens_at: DateTime<Utc>,
    closes_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    /// When the root was published.
    sealed_at: Option<DateTime<Utc>>,
    /// SHA-256 of the secret, in hexadecimal.
    commitment: String,
    /// 32 bytes in hexadecimal.
    secret: String,
    /// Merkle root of the list, in hexadecimal.
    root: String,
    beacon: Option<BeaconOfProof>,
    entries: u32,
    /// Each entry, in the order of the list: id, result (`won`, `forfeited` or `lost`), place among the winning lots or null, lot.
    #[schema(value_type = Vec<Vec<String>>)]
    list: [(); 0],
}

/// The public value that was mixed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BeaconOfProof {
    source: String,
    round: u64,
    value: String,
    /// What the value is the SHA-256 of, in hexadecimal, where it was fetched from the beacon: by it and the beacon's public key anyone can
    /// check that nobody else made the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    recorded_at: DateTime<Utc>,
}

/// `None` before the drop is over.
fn head(row: Drop) -> Option<Proof> {
    let fairness = fairness(&row);
    let beacon = match (row.beacon, row.beacon_value, row.beacon_at) {
        (Some(beacon), Some(value), Some(recorded_at)) => Some(BeaconOfProof {
            source: beacon.source,
            round: beacon.round,
            value,
            signature: row.beacon_signature,
            recorded_at,
        }),
        _ => None,
    };
    Some(Proof {
        format: FORMAT,
        drop_id: row.drop_id.0,
        title: row.title,
        draw: row.draw,
        fairness,
        stock: row.stock,
        win_probability: row.win_probability,
        price: row.price,
        opens_at: row.opens_at,
        closes_at: row.closes_at,
        closed_at: row.closed_at,
        sealed_at: row.sealed_at,
        commitment: row.commitment,
        secret: row.secret?,
        root: row.root?,
        beacon,
        entries: row.entries,
        list: [],
    })
}

/// Shows the proof of a drop that is over: the secret, the list of entries, every lot and every result. Sent in parts, however long it is.
#[utoipa::path(
    get,
    path = "/v1/drops/{id}/proof",
    tag = "drops",
    params(
        ("id" = Uuid, Path, description = "The drop"),
        ("At-Least-Position" = Option<u64>, Header, description = "Position that the answer must show; waits up to 2 s"),
    ),
    responses(
        (status = 200, description = "The proof", body = Proof, headers(("Position" = u64, description = "Position that the answer shows"))),
        (status = 400, description = "A parameter is malformed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Unknown", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`proof_not_ready`: the drop is not over", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`not_caught_up`, or a dependency does not answer", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_proof(
    State(state): State<AppState>,
    Path(id): Path<DropId>,
    at_least: AtLeast,
) -> Result<Response, Error> {
    let query = || state.deps.read_model.fair_drop(id);
    let at = state
        .freshness
        .read(at_least, &[ProjectionId::Drops], query);
    let At { position, value } = found(at.await?, "drop")?;
    // Once the drop is over, its rows stay as they are: pages read one after another belong together.
    let settled = value.position;
    let proof = head(value).ok_or(Error::ProofNotReady)?;
    let json = serde_json::to_string(&proof).map_err(|error| Error::Render(error.to_string()))?;
    let head = json.strip_suffix("]}").unwrap_or(&json).to_owned();
    let pages = Pages {
        state,
        drop: id,
        settled,
        total: proof.entries,
        next: 0,
        head: Some(head),
        has_ended: false,
    };
    let stream = futures::stream::try_unfold(pages, |mut pages| async {
        Ok::<_, io::Error>(pages.next().await?.map(|chunk| (chunk, pages)))
    });
    let mut response = Body::from_stream(stream).into_response();
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    headers.insert(POSITION, HeaderValue::from(position));
    Ok(response)
}

/// The proof on its way out.
struct Pages {
    state: AppState,
    drop: DropId,
    /// The position that every page must show.
    settled: u64,
    total: u32,
    next: u32,
    head: Option<String>,
    has_ended: bool,
}

impl Pages {
    /// The next part; `None` at the end. A page that can't be had breaks the answer off, so that nobody takes a part for the whole.
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if let Some(head) = self.head.take() {
            return Ok(Some(head.into()));
        }
        if self.has_ended {
            return Ok(None);
        }
        if self.next >= self.total {
            self.has_ended = true;
            return Ok(Some(Bytes::from_static(b"\n]}\n")));
        }
        let (model, drop, next) = (&self.state.deps.read_model, self.drop, self.next);
        let query = || model.drop_entries(drop, next, PAGE);
        // Another server may answer than did before, and be behind it.
        let page = self
            .state
            .freshness
            .read(AtLeast(self.settled), &[ProjectionId::Drops], query);
        let page = page.await.map_err(io::Error::other)?;
        if page.value.is_empty() {
            return Err(io::Error::other("an entry is missing"));
        }
        let mut text = String::with_capacity(page.value.len() * 96);
        for entry in &page.value {
            if entry.number != self.next {
                return Err(io::Error::other("an entry is missing"));
            }
            text.push_str(if self.next == 0 { "\n" } else { ",\n" });
            text.push_str(&line(entry)?);
            self.next += 1;
        }
        Ok(Some(text.into()))
    }
}

fn line(entry: &DropEntry) -> io::Result<String> {
    // A drop that is over has nobody left who waits.
    debug_assert!(!matches!(entry.status, Status::Entered | Status::Won));
    let result = status(entry.status, true);
    let fields = (entry.entry_id, result, entry.place, entry.lot);
    serde_json::to_string(&fields).map_err(io::Error::other)
}
