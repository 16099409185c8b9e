//! Commands: what makes a repeated request take effect once.

use std::slice;

use super::{
    Broken, append, ensure, ensure_eq, head,
    sample::{Draft, command, fingerprint, one, stream, time},
    store,
};
use crate::{
    commands::{CommandRecord, Fingerprint, KnownCommand},
    log::{EventLog, Outcome, Position},
};

fn known(number: u64, first: u64, last: u64) -> KnownCommand {
    KnownCommand {
        command_id: command(number),
        fingerprint: fingerprint(number),
        first: Position(first),
        last: Position(last),
    }
}

/// A command that was stored is known by its id, its fingerprint and its events; a repeat is told of it and stores nothing.
///
/// # Errors
/// What was not kept.
pub async fn commands_are_known(log: &dyn EventLog) -> Result<(), Broken> {
    let (a, b) = (stream("a"), stream("b"));
    store(log, one(1, &a, 0)).await?;
    let second = CommandRecord {
        command_id: command(3),
        fingerprint: fingerprint(3),
        first_event: 2,
        events: 1,
    };
    let two = Draft::new(2).events(&a, 1, 3).with(|append| {
        append.commands[0].events = 2;
        append.commands.push(second);
    });
    store(log, two.done()).await?;
    let ids = [command(3), command(9), command(1), command(2)];
    let found = log.known_commands(&ids).await.map_err(|e| e.to_string())?;
    let stored = [
        Some(known(3, 4, 4)),
        None,
        Some(known(1, 1, 1)),
        Some(known(2, 2, 3)),
    ];
    ensure_eq!(found, stored, "known commands");
    let repeat = append(log, one(2, &b, 0)).await?;
    ensure_eq!(repeat, Outcome::Known(known(2, 2, 3)), "a repeat");
    ensure_eq!(head(log).await?, 4, "head after a repeat");
    Ok(())
}

/// Where a stream stands and which commands are known can be asked together, for streams and commands that are not there too.
///
/// # Errors
/// What was not kept.
pub async fn a_stream_is_confirmed_with_its_commands(log: &dyn EventLog) -> Result<(), Broken> {
    let (a, b) = (stream("a"), stream("b"));
    store(log, one(1, &a, 0)).await?;
    store(log, one(2, &a, 1)).await?;
    let ids = [command(9), command(2), command(1)];
    let (at, found) = log.confirm(&a, &ids).await.map_err(|e| e.to_string())?;
    let heads = log.stream_heads(slice::from_ref(&a)).await;
    ensure_eq!(at, heads.map_err(|e| e.to_string())?[0], "head of a stream");
    ensure_eq!(at.map(|at| at.version), Some(2), "version of a stream");
    let stored = [None, Some(known(2, 2, 2)), Some(known(1, 1, 1))];
    ensure_eq!(found, stored, "known commands");
    let empty = log.confirm(&b, &[]).await.map_err(|e| e.to_string())?;
    ensure_eq!(empty, (None, Vec::new()), "a stream without events");
    let other = log.confirm(&b, &ids).await.map_err(|e| e.to_string())?;
    ensure_eq!(other, (None, stored.to_vec()), "commands of other streams");
    Ok(())
}

/// Of several reasons to refuse, the port's order tells which is answered.
///
/// # Errors
/// What was not kept.
pub async fn known_outranks_taken_outranks_conflict(log: &dyn EventLog) -> Result<(), Broken> {
    let (a, b) = (stream("a"), stream("b"));
    store(log, Draft::new(1).events(&a, 0, 1).set("k", &a).done()).await?;
    store(log, one(2, &b, 0)).await?;
    let all = Draft::new(1).events(&b, 7, 1).set("k", &b).done();
    ensure_eq!(
        append(log, all).await?,
        Outcome::Known(known(1, 1, 1)),
        "all three"
    );
    let taken = append(log, Draft::new(3).events(&b, 7, 1).set("k", &b).done()).await?;
    ensure!(
        matches!(taken, Outcome::ClaimTaken { .. }),
        "taken and conflict: {taken:?}"
    );
    Ok(())
}

/// Pruned commands are forgotten, younger ones are not; a repeat of a pruned one is told from a new command by its events.
///
/// # Errors
/// What was not kept.
pub async fn pruned_commands_are_told_from_new_ones(log: &dyn EventLog) -> Result<(), Broken> {
    let (a, b) = (stream("a"), stream("b"));
    for n in 0..4 {
        store(log, one(n, &a, n)).await?;
    }
    let forgotten = log
        .prune_commands(time(2))
        .await
        .map_err(|e| e.to_string())?;
    ensure_eq!(forgotten, 2, "forgotten commands");
    let until = log.pruned_until().await.map_err(|e| e.to_string())?;
    ensure_eq!(until, Position(2), "end of what was pruned");
    let ids = [0, 1, 2, 3].map(command);
    let left = log.known_commands(&ids).await.map_err(|e| e.to_string())?;
    ensure_eq!(
        left,
        [None, None, Some(known(2, 3, 3)), Some(known(3, 4, 4))],
        "what is left"
    );
    let pruned = Outcome::CommandPruned {
        command_id: command(1),
    };
    let conflicting = Draft::new(1).events(&a, 9, 1).done();
    ensure_eq!(
        append(log, conflicting).await?,
        pruned,
        "repeat of a pruned command"
    );
    ensure_eq!(
        append(log, one(1, &b, 0)).await?,
        pruned,
        "the same on another stream"
    );
    let again = log
        .prune_commands(time(2))
        .await
        .map_err(|e| e.to_string())?;
    ensure_eq!(again, 0, "forgotten by a second pruning");
    ensure_eq!(head(log).await?, 4, "head");
    Ok(())
}

/// Commands with an empty fingerprint are never pruned.
///
/// # Errors
/// What was not kept.
pub async fn commands_without_fingerprint_are_kept(log: &dyn EventLog) -> Result<(), Broken> {
    let a = stream("a");
    let step = Draft::new(0).events(&a, 0, 1);
    let step = step.with(|append| append.commands[0].fingerprint = Fingerprint::default());
    store(log, step.done()).await?;
    store(log, one(1, &a, 1)).await?;
    let forgotten = log
        .prune_commands(time(100))
        .await
        .map_err(|e| e.to_string())?;
    ensure_eq!(forgotten, 1, "forgotten commands");
    let left = log
        .known_commands(&[command(0)])
        .await
        .map_err(|e| e.to_string())?;
    ensure!(
        left[0].is_some(),
        "a command without fingerprint was pruned"
    );
    Ok(())
}
