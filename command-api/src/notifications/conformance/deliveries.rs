//! What is on its way elsewhere.

use super::{delivery, now, reason, record, seconds, settle, text, webhook};
use crate::{
    ensure::ensure,
    notifications::{Counts, Delivery, EMAIL_LANE, Ledger, Outcome},
};
use uuid::Uuid;

/// Lanes and what is in them come up when it is time, the longest due first.
///
/// # Errors
/// What is wrong.
pub async fn what_is_due_is_found_by_lane(ledger: &dyn Ledger) -> Result<(), String> {
    let (early, late) = (webhook(Uuid::now_v7()), webhook(Uuid::now_v7()));
    let mut rows = Vec::new();
    for (one, base) in [(&late, 50), (&early, 10)] {
        ledger.add_webhook(one, 1).await.map_err(text)?;
        for offset in [2, 0, 1] {
            rows.push(Delivery {
                next_at: seconds(base + offset),
                ..delivery(one.id, 1)
            });
        }
    }
    record(ledger, Vec::new(), rows).await?;
    let lanes = ledger.lanes(seconds(10), 100).await.map_err(text)?;
    ensure!(
        lanes.contains(&early.id) && !lanes.contains(&late.id),
        "lanes before their time, or not at it: {lanes:?}"
    );
    let lanes = ledger.lanes(seconds(60), 100).await.map_err(text)?;
    let place = |id| lanes.iter().position(|lane| *lane == id);
    ensure!(
        place(early.id) < place(late.id) && place(early.id).is_some(),
        "the longest due is not first: {lanes:?}"
    );
    let due = ledger.due(early.id, seconds(11), 100).await.map_err(text)?;
    let times: Vec<_> = due.iter().map(|one| one.next_at).collect();
    ensure!(
        times == [seconds(10), seconds(11)],
        "others are due: {times:?}"
    );
    let one = ledger.due(early.id, seconds(60), 1).await.map_err(text)?;
    ensure!(one.len() == 1, "the limit is ignored");
    for lane in [early, late] {
        let due = ledger.due(lane.id, seconds(60), 100).await.map_err(text)?;
        for one in due {
            settle(ledger, one.id, Outcome::Sent).await?;
        }
    }
    Ok(())
}

/// A failed try leaves a delivery pending with its count; one that is settled is not touched again.
///
/// # Errors
/// What is wrong.
pub async fn a_try_is_counted_and_settled_is_settled(ledger: &dyn Ledger) -> Result<(), String> {
    let one = delivery(EMAIL_LANE, 1);
    record(ledger, Vec::new(), vec![one.clone()]).await?;
    let retry = Outcome::Retry {
        at: seconds(5),
        reason: reason(),
    };
    settle(ledger, one.id, retry.clone()).await?;
    let due = ledger.due(EMAIL_LANE, now(), 10).await.map_err(text)?;
    ensure!(due.is_empty(), "it is due at once again: {due:?}");
    let due = ledger.due(EMAIL_LANE, seconds(5), 10).await.map_err(text)?;
    let expected = Delivery {
        attempts: 1,
        next_at: seconds(5),
        reason: Some(reason()),
        ..one.clone()
    };
    ensure!(due == [expected], "it stands otherwise: {due:?}");
    let dropped = Outcome::Dropped { reason: reason() };
    for outcome in [dropped, retry, Outcome::Dead { reason: reason() }] {
        settle(ledger, one.id, outcome).await?;
    }
    let due = ledger.due(EMAIL_LANE, seconds(9), 10).await.map_err(text)?;
    let dead = ledger.dead_one(one.id).await.map_err(text)?;
    ensure!(
        due.is_empty() && dead.is_none(),
        "what was settled was changed"
    );
    Ok(())
}

/// Dead deliveries are listed from the newest on, and tried again from the beginning.
///
/// # Errors
/// What is wrong.
pub async fn the_dead_are_listed_and_revived(ledger: &dyn Ledger) -> Result<(), String> {
    let rows: Vec<_> = [7, 9, 8]
        .map(|position| delivery(EMAIL_LANE, 2_000_000 + position))
        .into();
    record(ledger, Vec::new(), rows.clone()).await?;
    for row in &rows {
        settle(ledger, row.id, Outcome::Dead { reason: reason() }).await?;
    }
    let (mut listed, mut before) = (Vec::new(), None);
    while listed.len() < 3 {
        let page = ledger.dead(before, 1).await.map_err(text)?;
        let Some(last) = page.last() else { break };
        before = Some((last.place.position, last.id));
        listed.extend(page);
    }
    let ids: Vec<_> = listed.iter().map(|one| one.id).collect();
    ensure!(
        ids == [rows[1].id, rows[2].id, rows[0].id],
        "in another order: {listed:?}"
    );
    ensure!(
        listed.iter().all(|one| one.attempts == 1),
        "the last try is not counted"
    );
    let revived = ledger.revive(rows[0].id, now()).await.map_err(text)?;
    ensure!(revived, "a dead delivery was not brought back");
    let again = ledger.revive(rows[0].id, now()).await.map_err(text)?;
    ensure!(!again, "a pending delivery was brought back");
    let due = ledger.due(EMAIL_LANE, now(), 10).await.map_err(text)?;
    ensure!(
        due.len() == 1 && due[0].id == rows[0].id && due[0].attempts == 0,
        "it is not tried as if for the first time: {due:?}"
    );
    settle(ledger, rows[0].id, Outcome::Sent).await
}

/// Counts follow what is pending and dead.
///
/// # Errors
/// What is wrong.
pub async fn deliveries_are_counted(ledger: &dyn Ledger) -> Result<(), String> {
    let before: Counts = ledger.counts().await.map_err(text)?;
    let old = Delivery {
        occurred_at: seconds(-60),
        ..delivery(EMAIL_LANE, 1)
    };
    let rows = vec![old.clone(), delivery(EMAIL_LANE, 1)];
    let ids = [rows[0].id, rows[1].id];
    record(ledger, Vec::new(), rows).await?;
    let counts = ledger.counts().await.map_err(text)?;
    ensure!(
        counts.pending == before.pending + 2 && counts.oldest == Some(old.occurred_at),
        "two more are pending, one a minute old: {counts:?}"
    );
    settle(ledger, ids[0], Outcome::Sent).await?;
    settle(ledger, ids[1], Outcome::Dead { reason: reason() }).await?;
    let counts = ledger.counts().await.map_err(text)?;
    ensure!(
        counts.pending == before.pending && counts.dead == before.dead + 1,
        "one was sent, one is dead: {counts:?}"
    );
    Ok(())
}
