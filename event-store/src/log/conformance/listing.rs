//! Listing everything, page by page.

use super::{
    Broken, PAGE, ensure_eq,
    sample::{Draft, command, stream},
    store,
};
use crate::log::{EventLog, StreamId};

/// Streams, claims and commands: one of each per append, with names whose order is neither that of the appends nor an alphabet's.
async fn fill(log: &dyn EventLog) -> Result<Vec<StreamId>, Broken> {
    let names = ["m", "B", "a", "é", "z", "10", "9"];
    let streams: Vec<_> = names.into_iter().map(stream).collect();
    for (n, id) in (0..).zip(&streams) {
        let draft = Draft::new(n).events(id, 0, 1).set(&id.aggregate_id, id);
        store(log, draft.done()).await?;
    }
    Ok(streams)
}

/// Each stream is listed once, in the order of its id.
///
/// # Errors
/// What was not kept.
pub async fn stream_heads_are_listed_once_in_order(log: &dyn EventLog) -> Result<(), Broken> {
    let mut expected = fill(log).await?;
    expected.sort();
    let mut listed: Vec<StreamId> = Vec::new();
    while listed.len() <= expected.len() {
        let page = log.list_stream_heads(listed.last(), PAGE).await;
        let page = page.map_err(|e| e.to_string())?;
        let full = page.len() == PAGE;
        listed.extend(page.into_iter().map(|(id, _)| id));
        if !full {
            break;
        }
    }
    ensure_eq!(listed, expected, "streams");
    Ok(())
}

/// Each claim is listed once, in the order of its pair.
///
/// # Errors
/// What was not kept.
pub async fn claims_are_listed_once_in_order(log: &dyn EventLog) -> Result<(), Broken> {
    let mut expected = fill(log).await?;
    expected.sort();
    let mut listed: Vec<(String, StreamId)> = Vec::new();
    while listed.len() <= expected.len() {
        let after = listed.last().map(|(key, _)| ("pair", &**key));
        let page = log
            .list_claims(after, PAGE)
            .await
            .map_err(|e| e.to_string())?;
        let full = page.len() == PAGE;
        listed.extend(page.into_iter().map(|claim| (claim.key, claim.stream)));
        if !full {
            break;
        }
    }
    let pair = |id: StreamId| (id.aggregate_id.to_string(), id);
    let expected: Vec<_> = expected.into_iter().map(pair).collect();
    ensure_eq!(listed, expected, "claims");
    Ok(())
}

/// Each command is listed once, in the order of its id.
///
/// # Errors
/// What was not kept.
pub async fn commands_are_listed_once_in_order(log: &dyn EventLog) -> Result<(), Broken> {
    let count = fill(log).await?.len() as u64;
    let mut expected: Vec<_> = (0..count).map(command).collect();
    expected.sort();
    let mut listed = Vec::new();
    while listed.len() <= expected.len() {
        let page = log.list_commands(listed.last().copied(), PAGE).await;
        let page = page.map_err(|e| e.to_string())?;
        let full = page.len() == PAGE;
        listed.extend(page.into_iter().map(|known| known.command_id));
        if !full {
            break;
        }
    }
    ensure_eq!(listed, expected, "commands");
    Ok(())
}
