//! Proofs: made from the tree, checked without it.

use base64::{Engine, engine::general_purpose::STANDARD};
use event_store::{
    EventLog, Position, RecordedEvent,
    log::Error as LogError,
    seals::{
        SealedHead, Seals,
        merkle::{
            Hash, Missing, Range, consistency, event_hash, inclusion, is_consistent,
            root_of_inclusion, tiles_of,
        },
    },
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    note::{self, Checkpoint, VerificationKey},
    stored_event::StoredEvent,
};

/// The form of an inclusion proof; permanent.
pub const INCLUSION_FORMAT: &str = "frontrow.inclusion.v1";
/// The form of a consistency proof; permanent.
pub const CONSISTENCY_FORMAT: &str = "frontrow.consistency.v1";

/// Proves that an event is in the log that a head was signed of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InclusionProof {
    /// `frontrow.inclusion.v1`.
    pub format: String,
    /// The event, as it is stored.
    pub event: StoredEvent,
    /// The leaf's place in the tree: one less than the event's position.
    pub index: u64,
    /// SHA-256 of the leaf, in base64.
    pub leaf_hash: String,
    /// The hashes beside the way from the leaf to the root, in base64.
    pub hashes: Vec<String>,
    /// The signed head.
    pub checkpoint: String,
    /// The key that signed it. Compare it with the one that you were given elsewhere.
    pub verification_key: String,
}

/// Proves that the log of one head begins with the log of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsistencyProof {
    /// `frontrow.consistency.v1`.
    pub format: String,
    /// How many events the older head covers.
    pub from: u64,
    /// How many the newer one does.
    pub to: u64,
    /// The hash of the older tree, in base64.
    pub from_root: String,
    /// The hash of the newer tree, in base64.
    pub to_root: String,
    /// The hashes that lead from the older tree to both, in base64.
    pub hashes: Vec<String>,
    /// The signed head of the newer tree, where there is one of exactly this size.
    pub checkpoint: Option<String>,
}

/// Why there is no proof.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The log or the tree can't be reached, or can't be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The tree lacks something.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// There is no such event.
    #[error("the log has no event at position {0}")]
    NoEvent(u64),
    /// The event is younger than the newest head.
    #[error(
        "the event at position {position} is not sealed yet: the newest head covers {sealed} events"
    )]
    NotSealed {
        /// Where it is.
        position: u64,
        /// Up to where there are proofs.
        sealed: u64,
    },
}

/// Why a proof does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Not the form that this program knows.
    #[error("the proof is of the form {0:?}, not of one that is known")]
    Format(String),
    /// A field is not what it must be.
    #[error("the field {0} is malformed")]
    Malformed(&'static str),
    /// The event is another than the one that was hashed.
    #[error("the event at position {0} is not the one that was sealed: its hash is another")]
    OtherEvent(u64),
    /// The hashes don't lead to the head.
    #[error("the hashes don't lead from the event at position {0} to the signed head")]
    OtherRoot(u64),
    /// The head is not signed.
    #[error(transparent)]
    Note(#[from] note::Error),
}

/// Proves an event under `head`.
///
/// # Errors
/// [`Error`].
pub async fn prove(
    log: &dyn EventLog,
    seals: &dyn Seals,
    key: &VerificationKey,
    position: u64,
) -> Result<InclusionProof, Error> {
    let before = position.checked_sub(1).ok_or(Error::NoEvent(position))?;
    let events = log.read_all(Position(before), 1).await?;
    let event = events.into_iter().next();
    let event = event.filter(|event| event.position.0 == position);
    prove_event(seals, key, &event.ok_or(Error::NoEvent(position))?).await
}

/// Proves an event that was read.
///
/// # Errors
/// [`Error`].
pub async fn prove_event(
    seals: &dyn Seals,
    key: &VerificationKey,
    event: &RecordedEvent,
) -> Result<InclusionProof, Error> {
    let position = event.position.0;
    let head = seals.newest().await?;
    let sealed = head.as_ref().map_or(0, |head| head.size);
    let head = head.filter(|head| position <= head.size);
    let head: SealedHead = head.ok_or(Error::NotSealed { position, sealed })?;
    let index = position - 1;
    let hashes = hashes(seals, &inclusion(index, head.size)).await?;
    Ok(InclusionProof {
        format: INCLUSION_FORMAT.to_owned(),
        event: event.into(),
        index,
        leaf_hash: STANDARD.encode(event_hash(event)),
        hashes: hashes.iter().map(|hash| STANDARD.encode(hash)).collect(),
        checkpoint: head.note,
        verification_key: key.to_string(),
    })
}

/// Proves that the tree of `to` events begins with that of `from` events: `1 <= from <= to`, and `to` at most the newest head's.
///
/// # Errors
/// [`Error`].
pub async fn prove_consistency(
    seals: &dyn Seals,
    from: u64,
    to: u64,
) -> Result<ConsistencyProof, Error> {
    let sealed = seals.newest().await?.map_or(0, |head| head.size);
    if to > sealed {
        return Err(Error::NotSealed {
            position: to,
            sealed,
        });
    }
    let head = seals.heads(to - 1, 1).await?.into_iter().next();
    let ranges = [Range::whole(from), Range::whole(to)];
    let roots = hashes(seals, &ranges).await?;
    let hashes = hashes(seals, &consistency(from, to)).await?;
    Ok(ConsistencyProof {
        format: CONSISTENCY_FORMAT.to_owned(),
        from,
        to,
        from_root: STANDARD.encode(roots[0]),
        to_root: STANDARD.encode(roots[1]),
        hashes: hashes.iter().map(|hash| STANDARD.encode(hash)).collect(),
        checkpoint: head.filter(|head| head.size == to).map(|head| head.note),
    })
}

async fn hashes(seals: &dyn Seals, ranges: &[Range]) -> Result<Vec<Hash>, Error> {
    let tiles = seals.tiles(&tiles_of(ranges)).await?;
    let hashes = ranges.iter().map(|range| range.hash(&tiles));
    Ok(hashes.collect::<Result<_, _>>()?)
}

/// Checks an inclusion proof with nothing but `keys`: that the event is what was hashed, that its hash leads to the head, that the
/// head is signed by one of them. Answers the head.
///
/// # Errors
/// [`Invalid`].
pub fn verify(proof: &InclusionProof, keys: &[VerificationKey]) -> Result<Checkpoint, Invalid> {
    if proof.format != INCLUSION_FORMAT {
        return Err(Invalid::Format(proof.format.clone()));
    }
    let checkpoint = note::open(&proof.checkpoint, keys)?;
    let position = proof.event.position;
    let event = RecordedEvent::try_from(proof.event.clone());
    let leaf = event_hash(&event.map_err(|_| Invalid::Malformed("event.recorded_at"))?);
    if position.checked_sub(1) != Some(proof.index)
        || leaf != decoded(&proof.leaf_hash, "leaf_hash")?
    {
        return Err(Invalid::OtherEvent(position));
    }
    let hashes = proof.hashes.iter().map(|hash| decoded(hash, "hashes"));
    let hashes: Vec<_> = hashes.collect::<Result<_, _>>()?;
    let root = root_of_inclusion(&leaf, proof.index, checkpoint.size, &hashes);
    if root == Some(checkpoint.root) {
        Ok(checkpoint)
    } else {
        Err(Invalid::OtherRoot(position))
    }
}

/// Checks a consistency proof between two heads that were opened with their key.
///
/// # Errors
/// [`Invalid`].
pub fn verify_consistency(
    proof: &ConsistencyProof,
    older: &Checkpoint,
    newer: &Checkpoint,
) -> Result<bool, Invalid> {
    if proof.format != CONSISTENCY_FORMAT {
        return Err(Invalid::Format(proof.format.clone()));
    }
    let hashes = proof.hashes.iter().map(|hash| decoded(hash, "hashes"));
    let hashes: Vec<_> = hashes.collect::<Result<_, _>>()?;
    Ok((proof.from, proof.to) == (older.size, newer.size)
        && is_consistent(older.size, &older.root, newer.size, &newer.root, &hashes))
}

fn decoded(hash: &str, field: &'static str) -> Result<Hash, Invalid> {
    let bytes = STANDARD.decode(hash).ok();
    let hash = bytes.and_then(|bytes| bytes.try_into().ok());
    hash.ok_or(Invalid::Malformed(field))
}
