//! Claims: unique, set and released by appends.

use super::{
    Broken, append, ensure_eq,
    sample::{Draft, stream},
    store,
};
use crate::log::{EventLog, Outcome, StreamId};

async fn holder(log: &dyn EventLog, key: &str) -> Result<Option<StreamId>, Broken> {
    log.claim("pair", key).await.map_err(|e| e.to_string())
}

fn taken_by(stream: &StreamId) -> Outcome {
    Outcome::ClaimTaken {
        namespace: "pair".to_owned(),
        key: "k".to_owned(),
        stream: stream.clone(),
    }
}

/// Who takes what another holds is told who.
///
/// # Errors
/// What was not kept.
pub async fn a_claim_has_one_holder(log: &dyn EventLog) -> Result<(), Broken> {
    let (a, b) = (stream("a"), stream("b"));
    ensure_eq!(holder(log, "k").await?, None, "holder at first");
    store(log, Draft::new(1).events(&a, 0, 1).set("k", &a).done()).await?;
    ensure_eq!(holder(log, "k").await?, Some(a.clone()), "holder");
    let second = Draft::new(2)
        .events(&b, 0, 1)
        .set("free", &b)
        .set("k", &b)
        .done();
    ensure_eq!(append(log, second).await?, taken_by(&a), "second claim");
    ensure_eq!(holder(log, "k").await?, Some(a), "holder after a refusal");
    ensure_eq!(
        holder(log, "free").await?,
        None,
        "another claim of what was refused"
    );
    Ok(())
}

/// A stream may take again what it holds.
///
/// # Errors
/// What was not kept.
pub async fn taking_what_one_holds_changes_nothing(log: &dyn EventLog) -> Result<(), Broken> {
    let a = stream("a");
    store(log, Draft::new(1).events(&a, 0, 1).set("k", &a).done()).await?;
    store(log, Draft::new(2).events(&a, 1, 1).set("k", &a).done()).await?;
    ensure_eq!(holder(log, "k").await?, Some(a), "holder");
    Ok(())
}

/// What was given back can be taken by another.
///
/// # Errors
/// What was not kept.
pub async fn claims_are_released_and_taken_again(log: &dyn EventLog) -> Result<(), Broken> {
    let (a, b) = (stream("a"), stream("b"));
    store(log, Draft::new(1).events(&a, 0, 1).set("k", &a).done()).await?;
    store(log, Draft::new(2).events(&a, 1, 1).release("k", &a).done()).await?;
    ensure_eq!(holder(log, "k").await?, None, "holder after the release");
    store(log, Draft::new(3).events(&b, 0, 1).set("k", &b).done()).await?;
    ensure_eq!(holder(log, "k").await?, Some(b), "holder at last");
    Ok(())
}

/// Giving back what one does not hold changes nothing.
///
/// # Errors
/// What was not kept.
pub async fn only_the_holder_releases(log: &dyn EventLog) -> Result<(), Broken> {
    let (a, b) = (stream("a"), stream("b"));
    store(log, Draft::new(1).events(&a, 0, 1).set("k", &a).done()).await?;
    store(
        log,
        Draft::new(2)
            .events(&b, 0, 1)
            .release("k", &b)
            .release("none", &b)
            .done(),
    )
    .await?;
    ensure_eq!(holder(log, "k").await?, Some(a.clone()), "holder");
    let taken = Draft::new(3)
        .events(&b, 1, 1)
        .release("k", &b)
        .set("k", &b)
        .done();
    ensure_eq!(
        append(log, taken).await?,
        taken_by(&a),
        "taking after a vain release"
    );
    Ok(())
}

/// An append's changes to one claim take effect one after another.
///
/// # Errors
/// What was not kept.
pub async fn claims_change_in_order(log: &dyn EventLog) -> Result<(), Broken> {
    let (a, b) = (stream("a"), stream("b"));
    store(log, Draft::new(1).events(&a, 0, 1).set("k", &a).done()).await?;
    let hand_over = |n, version| Draft::new(n).events(&b, version, 1);
    store(log, hand_over(2, 0).release("k", &a).set("k", &b).done()).await?;
    ensure_eq!(
        holder(log, "k").await?,
        Some(b.clone()),
        "holder after release and set"
    );
    let too_early = hand_over(3, 1).set("k", &a).release("k", &b).done();
    ensure_eq!(
        append(log, too_early).await?,
        taken_by(&b),
        "set before release"
    );
    store(log, hand_over(4, 1).set("j", &b).release("j", &b).done()).await?;
    ensure_eq!(
        holder(log, "j").await?,
        None,
        "holder after set and release"
    );
    Ok(())
}
