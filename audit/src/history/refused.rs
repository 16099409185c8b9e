//! Commands that were refused, beside the decisions: what is kept of them next to the log.

use std::ops::Range;

use chrono::{DateTime, Utc};
use event_store::refusals::{self, Kept, Of, Refusals};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::Error;

/// Refusals of one answer: a seat has a hundred, and a hundred for each reservation that held it.
const MAX_REFUSALS: usize = 2_000;

/// A command that was refused. It changed nothing, so it is in no event; the first hundred of each seat, reservation and payment are kept.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Refused {
    /// Where the state stood that refused: it comes behind the decision at this position. 0 where that is not known.
    pub position: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who asked: `<role>:<id>`.
    #[schema(example = "customer:01890a5d-ac96-774b-bcce-b302099a8057")]
    pub actor: String,
    /// What was asked.
    #[schema(example = "hold_seats")]
    pub command: String,
    /// The stable code of the reason.
    #[schema(example = "seats_unavailable")]
    pub code: String,
    /// The reason in words.
    pub detail: String,
    /// About what: `seat/<show>/<guid>`, `reservation/<id>`, `payment/<id>`, `drop/<id>`, or `show/<id>` where it got no further.
    pub about: Vec<String>,
    /// Id of the refusal.
    pub refusal_id: Uuid,
    /// Id of the command: the same for a repeat with the same key.
    pub command_id: Uuid,
    /// What it was brought about together with; `null` where a client chose a text of its own.
    pub correlation_id: Option<String>,
}

/// How often something was refused about one thing, kept refusals included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RefusalCount {
    /// About what.
    pub about: String,
    /// How often.
    pub refused: u64,
    /// The last time.
    pub last_at: DateTime<Utc>,
}

/// The refusals whose state stood in `positions`, in order; and whether there were more than are ever told.
pub(super) async fn refused(
    store: &dyn Refusals,
    of: Of<'_>,
    positions: Range<u64>,
) -> Result<(Vec<Refused>, bool), Error> {
    let kept = store.list(of, positions, MAX_REFUSALS).await?;
    let truncated = kept.len() == MAX_REFUSALS;
    let mut told: Vec<Refused> = Vec::new();
    for Kept {
        subject, refusal, ..
    } in kept
    {
        match told.last_mut() {
            Some(last) if last.refusal_id == refusal.refusal_id => last.about.push(subject),
            _ => told.push(tell(refusal, subject)),
        }
    }
    Ok((told, truncated))
}

/// How often something was refused about each of these.
pub(super) async fn counts(
    store: &dyn Refusals,
    subjects: &[String],
) -> Result<Vec<RefusalCount>, Error> {
    let counts = store.counts(subjects).await?.into_iter();
    let told = counts.map(|count| RefusalCount {
        about: count.subject,
        refused: count.refused,
        last_at: count.last_at,
    });
    Ok(told.collect())
}

fn tell(refusal: refusals::Refusal, subject: String) -> Refused {
    Refused {
        position: refusal.position,
        at: refusal.at,
        actor: refusal.actor,
        command: refusal.command,
        code: refusal.code,
        detail: refusal.detail,
        about: vec![subject],
        refusal_id: refusal.refusal_id,
        command_id: refusal.command_id,
        correlation_id: Some(refusal.correlation_id).filter(|id| !id.is_empty()),
    }
}
