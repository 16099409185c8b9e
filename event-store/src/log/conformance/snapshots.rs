//! Snapshots: droppable, but never wrong.

use super::{Broken, ensure_eq, sample::stream};
use crate::{
    log::{EventLog, StreamId},
    snapshot::Snapshot,
};

fn snapshot(stream: &StreamId, schema: u32, version: u64) -> Snapshot {
    Snapshot {
        stream: stream.clone(),
        schema,
        version,
        payload: format!("{{ \"version\":{version}, \"é\":\"😀\" }}"),
    }
}

async fn load(
    log: &dyn EventLog,
    stream: &StreamId,
    schema: u32,
) -> Result<Option<Snapshot>, Broken> {
    log.load_snapshot(stream, schema)
        .await
        .map_err(|e| e.to_string())
}

async fn save(log: &dyn EventLog, snapshot: Snapshot) -> Result<(), Broken> {
    log.save_snapshot(snapshot).await.map_err(|e| e.to_string())
}

/// A snapshot is found by its stream and its schema only.
///
/// # Errors
/// What was not kept.
pub async fn snapshots_are_kept_by_schema(log: &dyn EventLog) -> Result<(), Broken> {
    let a = stream("a");
    ensure_eq!(load(log, &a, 1).await?, None, "snapshot at first");
    save(log, snapshot(&a, 1, 5)).await?;
    ensure_eq!(
        load(log, &a, 1).await?,
        Some(snapshot(&a, 1, 5)),
        "snapshot"
    );
    ensure_eq!(load(log, &a, 2).await?, None, "snapshot of a newer schema");
    ensure_eq!(load(log, &a, 0).await?, None, "snapshot of an older schema");
    ensure_eq!(
        load(log, &stream("b"), 1).await?,
        None,
        "another stream's snapshot"
    );
    save(log, snapshot(&a, 2, 4)).await?;
    ensure_eq!(
        load(log, &a, 2).await?,
        Some(snapshot(&a, 2, 4)),
        "snapshot after a new schema"
    );
    Ok(())
}

/// A snapshot is replaced by a longer fold, not by a shorter one of the same schema.
///
/// # Errors
/// What was not kept.
pub async fn a_shorter_fold_never_replaces_a_longer(log: &dyn EventLog) -> Result<(), Broken> {
    let a = stream("a");
    save(log, snapshot(&a, 1, 5)).await?;
    save(log, snapshot(&a, 1, 9)).await?;
    ensure_eq!(
        load(log, &a, 1).await?,
        Some(snapshot(&a, 1, 9)),
        "snapshot after a longer one"
    );
    save(log, snapshot(&a, 1, 7)).await?;
    ensure_eq!(
        load(log, &a, 1).await?,
        Some(snapshot(&a, 1, 9)),
        "snapshot after a shorter one"
    );
    Ok(())
}
