//! What every ledger promises, as functions over the port. Each answers what it found wrong.

mod deliveries;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::try_join_all;
use uuid::Uuid;

pub use self::deliveries::{
    a_try_is_counted_and_settled_is_settled, deliveries_are_counted,
    the_dead_are_listed_and_revived, what_is_due_is_found_by_lane,
};
use super::{
    Batch, Channel, Delivery, Disabled, EMAIL_LANE, Error, Ledger, Notification, Outcome, Place,
    Webhook,
};
use crate::ensure::ensure;

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(10_000)
}

fn seconds(seconds: i64) -> DateTime<Utc> {
    now() + TimeDelta::seconds(seconds)
}

#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn text(error: Error) -> String {
    error.to_string()
}

fn notification(customer: Uuid, position: u64, ordinal: u32) -> Notification {
    Notification {
        id: Uuid::now_v7(),
        customer,
        place: Place { position, ordinal },
        kind: "payment.completed".to_owned(),
        data: r#"{"text":"Grüße, 안녕 'and' \"so\""}"#.to_owned(),
        occurred_at: now(),
    }
}

fn delivery(lane: Uuid, position: u64) -> Delivery {
    let channel = if lane == EMAIL_LANE {
        Channel::Email
    } else {
        Channel::Webhook
    };
    let recipient = if lane == EMAIL_LANE {
        Uuid::now_v7()
    } else {
        lane
    };
    Delivery {
        id: Uuid::now_v7(),
        channel,
        recipient,
        lane,
        place: Place {
            position,
            ordinal: 0,
        },
        kind: "payment.completed".to_owned(),
        data: "{}".to_owned(),
        occurred_at: now(),
        attempts: 0,
        next_at: now(),
        reason: None,
    }
}

fn webhook(organizer: Uuid) -> Webhook {
    Webhook {
        id: Uuid::now_v7(),
        organizer,
        url: "https://example.org/hook".to_owned(),
        kinds: vec!["payment.completed".to_owned(), "show.cancelled".to_owned()],
        since: 7,
        created_at: now(),
        disabled: None,
    }
}

/// Records on from where the ledger stands; answers the position that it stands at then.
async fn record(
    ledger: &dyn Ledger,
    notifications: Vec<Notification>,
    deliveries: Vec<Delivery>,
) -> Result<u64, String> {
    let from = ledger.checkpoint().await.map_err(text)?;
    let batch = Batch {
        from,
        to: from + 10,
        notifications,
        deliveries,
    };
    let recorded = ledger.record(&batch).await.map_err(text)?;
    ensure!(recorded, "a batch from the checkpoint on was refused");
    Ok(from + 10)
}

async fn settle(ledger: &dyn Ledger, id: Uuid, outcome: Outcome) -> Result<(), String> {
    ledger.settle(&[(id, outcome)], now()).await.map_err(text)
}

fn reason() -> String {
    "as the test demands".to_owned()
}

/// Runs them all, on a ledger that nothing else uses. They leave rows behind.
///
/// # Errors
/// What the first that failed found wrong.
pub async fn all(ledger: &dyn Ledger) -> Result<(), String> {
    a_batch_is_written_once_and_moves_the_checkpoint(ledger).await?;
    of_two_leaders_one_goes_on(ledger).await?;
    what_was_told_stays_as_it_is(ledger).await?;
    pages_are_in_order(ledger).await?;
    who_was_told_is_found(ledger).await?;
    webhooks_are_kept_by_organizer(ledger).await?;
    webhooks_are_bounded(ledger).await?;
    a_removed_webhook_takes_its_deliveries_along(ledger).await?;
    a_disabled_webhook_is_not_called(ledger).await?;
    what_is_due_is_found_by_lane(ledger).await?;
    a_try_is_counted_and_settled_is_settled(ledger).await?;
    the_dead_are_listed_and_revived(ledger).await?;
    deliveries_are_counted(ledger).await?;
    sweeping_leaves_what_is_pending(ledger).await
}

/// Rows and checkpoint appear together, and come back as they were given.
///
/// # Errors
/// What is wrong.
pub async fn a_batch_is_written_once_and_moves_the_checkpoint(
    ledger: &dyn Ledger,
) -> Result<(), String> {
    let anna = Uuid::now_v7();
    let (told, mail) = (notification(anna, 3, 1), delivery(EMAIL_LANE, 3));
    let to = record(ledger, vec![told.clone()], vec![mail.clone()]).await?;
    ensure!(
        ledger.checkpoint().await.map_err(text)? == to,
        "the checkpoint did not move"
    );
    let read = ledger.newest(anna, None, 10).await.map_err(text)?;
    ensure!(read == [told], "told something else: {read:?}");
    let due = ledger.due(EMAIL_LANE, now(), 10).await.map_err(text)?;
    ensure!(due.contains(&mail), "no delivery as given: {due:?}");
    settle(ledger, mail.id, Outcome::Sent).await
}

/// A batch from elsewhere than the checkpoint leaves no trace; of many at once, one is written.
///
/// # Errors
/// What is wrong.
pub async fn of_two_leaders_one_goes_on(ledger: &dyn Ledger) -> Result<(), String> {
    let (anna, from) = (Uuid::now_v7(), ledger.checkpoint().await.map_err(text)?);
    let batches: Vec<_> = (0..4)
        .map(|_| Batch {
            from,
            to: from + 1,
            notifications: vec![notification(anna, 1, 0)],
            deliveries: Vec::new(),
        })
        .collect();
    let recorded = try_join_all(batches.iter().map(|batch| ledger.record(batch))).await;
    let recorded = recorded.map_err(text)?;
    let won = recorded.iter().filter(|won| **won).count();
    ensure!(
        won == 1,
        "{won} of four batches from one place were written"
    );
    let told = ledger.newest(anna, None, 10).await.map_err(text)?;
    ensure!(told.len() == 1, "a refused batch left rows: {told:?}");
    Ok(())
}

/// An id that is there keeps its row, whatever is written under it later.
///
/// # Errors
/// What is wrong.
pub async fn what_was_told_stays_as_it_is(ledger: &dyn Ledger) -> Result<(), String> {
    let anna = Uuid::now_v7();
    let (told, mail) = (notification(anna, 5, 0), delivery(EMAIL_LANE, 5));
    record(ledger, vec![told.clone()], vec![mail.clone()]).await?;
    settle(ledger, mail.id, Outcome::Sent).await?;
    let again = Notification {
        place: Place::default(),
        kind: "other".to_owned(),
        ..told.clone()
    };
    record(ledger, vec![again.clone(), again], vec![mail.clone()]).await?;
    let read = ledger.newest(anna, None, 10).await.map_err(text)?;
    ensure!(read == [told], "it was told anew: {read:?}");
    let due = ledger.due(EMAIL_LANE, now(), 10).await.map_err(text)?;
    ensure!(!due.contains(&mail), "what was sent is sent again");
    Ok(())
}

/// Pages go on where the last one ended, both ways.
///
/// # Errors
/// What is wrong.
pub async fn pages_are_in_order(ledger: &dyn Ledger) -> Result<(), String> {
    let (anna, other) = (Uuid::now_v7(), Uuid::now_v7());
    let mut told: Vec<_> = [(1, 0), (1, 1), (2, 0), (10, 0), (10, 7)]
        .map(|(position, ordinal)| notification(anna, position, ordinal))
        .into();
    let mut rows = told.clone();
    rows.push(notification(other, 4, 0));
    record(ledger, rows, Vec::new()).await?;
    let (mut upwards, mut after) = (Vec::new(), Place::default());
    // What stands at no place at all is behind the beginning.
    loop {
        let page = ledger.after(anna, after, 2).await.map_err(text)?;
        let Some(last) = page.last() else { break };
        after = last.place;
        upwards.extend(page);
    }
    ensure!(upwards == told, "in another order: {upwards:?}");
    let (mut downwards, mut before) = (Vec::new(), None);
    loop {
        let page = ledger.newest(anna, before, 2).await.map_err(text)?;
        let Some(last) = page.last() else { break };
        before = Some(last.place);
        downwards.extend(page);
    }
    told.reverse();
    ensure!(downwards == told, "in another order: {downwards:?}");
    Ok(())
}

/// Who follows is woken by places and customers, in order.
///
/// # Errors
/// What is wrong.
pub async fn who_was_told_is_found(ledger: &dyn Ledger) -> Result<(), String> {
    let (anna, bert) = (Uuid::now_v7(), Uuid::now_v7());
    let rows = vec![
        notification(anna, 1_000_000, 0),
        notification(bert, 1_000_000, 1),
        notification(anna, 1_000_001, 0),
    ];
    record(ledger, rows, Vec::new()).await?;
    let place = |position, ordinal| Place { position, ordinal };
    let told = ledger.told(place(1_000_000, 0), 10).await.map_err(text)?;
    let expected = [(place(1_000_000, 1), bert), (place(1_000_001, 0), anna)];
    ensure!(told == expected, "others were told: {told:?}");
    let told = ledger.told(place(1_000_000, 0), 1).await.map_err(text)?;
    ensure!(told.len() == 1, "the limit is ignored: {told:?}");
    Ok(())
}

/// An organizer sees its webhooks, and nobody else's.
///
/// # Errors
/// What is wrong.
pub async fn webhooks_are_kept_by_organizer(ledger: &dyn Ledger) -> Result<(), String> {
    let (organizer, other) = (Uuid::now_v7(), Uuid::now_v7());
    let (first, second) = (webhook(organizer), webhook(organizer));
    for one in [&first, &second] {
        ensure!(
            ledger.add_webhook(one, 2).await.map_err(text)?,
            "a webhook was refused"
        );
    }
    let own = ledger.webhooks_of(organizer).await.map_err(text)?;
    ensure!(own == [first.clone(), second.clone()], "others: {own:?}");
    let none = ledger.webhooks_of(other).await.map_err(text)?;
    ensure!(none.is_empty(), "another's webhooks: {none:?}");
    let called = ledger.called(&[other, organizer]).await.map_err(text)?;
    ensure!(called == own, "others are called: {called:?}");
    let one = ledger.webhook(second.id).await.map_err(text)?;
    ensure!(one == Some(second), "another webhook: {one:?}");
    ensure!(
        ledger.calls_any().await.map_err(text)?,
        "none is called, of two"
    );
    ensure!(
        !ledger.remove_webhook(other, first.id).await.map_err(text)?,
        "another's webhook was removed"
    );
    Ok(())
}

/// However many are added at once, no more are kept than allowed.
///
/// # Errors
/// What is wrong.
pub async fn webhooks_are_bounded(ledger: &dyn Ledger) -> Result<(), String> {
    let organizer = Uuid::now_v7();
    let wanted: Vec<_> = (0..6).map(|_| webhook(organizer)).collect();
    let added = try_join_all(wanted.iter().map(|one| ledger.add_webhook(one, 3))).await;
    let added = added.map_err(text)?.into_iter().filter(|added| *added);
    ensure!(added.count() == 3, "not as many were added as allowed");
    let kept = ledger.webhooks_of(organizer).await.map_err(text)?.len();
    ensure!(kept == 3, "{kept} webhooks of three are kept");
    Ok(())
}

/// What was to be sent to a webhook goes with it.
///
/// # Errors
/// What is wrong.
pub async fn a_removed_webhook_takes_its_deliveries_along(
    ledger: &dyn Ledger,
) -> Result<(), String> {
    let one = webhook(Uuid::now_v7());
    ledger.add_webhook(&one, 1).await.map_err(text)?;
    record(ledger, Vec::new(), vec![delivery(one.id, 1)]).await?;
    let removed = ledger.remove_webhook(one.organizer, one.id).await;
    ensure!(removed.map_err(text)?, "its own webhook was not removed");
    let due = ledger.due(one.id, now(), 10).await.map_err(text)?;
    ensure!(due.is_empty(), "something is left to be sent: {due:?}");
    let again = ledger.remove_webhook(one.organizer, one.id).await;
    ensure!(!again.map_err(text)?, "it was removed twice");
    Ok(())
}

/// What waited for a webhook that is disabled is dead, and it keeps the first reason.
///
/// # Errors
/// What is wrong.
pub async fn a_disabled_webhook_is_not_called(ledger: &dyn Ledger) -> Result<(), String> {
    let one = webhook(Uuid::now_v7());
    ledger.add_webhook(&one, 1).await.map_err(text)?;
    let waiting = delivery(one.id, 1);
    record(ledger, Vec::new(), vec![waiting.clone()]).await?;
    for text_of in ["gone", "again"] {
        let disabled = Disabled {
            at: now(),
            reason: text_of.to_owned(),
        };
        ledger
            .disable_webhook(one.id, &disabled)
            .await
            .map_err(text)?;
    }
    let read = ledger.webhook(one.id).await.map_err(text)?;
    let disabled = read.and_then(|one| one.disabled);
    ensure!(
        disabled.as_ref().is_some_and(|one| one.reason == "gone"),
        "disabled otherwise: {disabled:?}"
    );
    let called = ledger.called(&[one.organizer]).await.map_err(text)?;
    ensure!(called.is_empty(), "it is called: {called:?}");
    let lanes = ledger.lanes(now(), 100).await.map_err(text)?;
    ensure!(!lanes.contains(&one.id), "its lane is due");
    let dead = ledger.dead_one(waiting.id).await.map_err(text)?;
    ensure!(
        dead.is_some_and(|dead| dead.reason.as_deref() == Some("gone")),
        "what waited is not dead"
    );
    Ok(())
}

/// What is old goes, a bounded number at a time; what is pending stays, unless nobody is left to send it to.
///
/// # Errors
/// What is wrong.
pub async fn sweeping_leaves_what_is_pending(ledger: &dyn Ledger) -> Result<(), String> {
    let (anna, called) = (Uuid::now_v7(), webhook(Uuid::now_v7()));
    ledger.add_webhook(&called, 1).await.map_err(text)?;
    let deserted = Uuid::now_v7();
    let told = [-2, -1, 5].map(|at| Notification {
        occurred_at: seconds(at),
        ..notification(anna, 3_000_000, u32::try_from(at + 2).unwrap_or_default())
    });
    let old = |lane| Delivery {
        next_at: seconds(-1),
        ..delivery(lane, 1)
    };
    let rows = vec![old(called.id), old(deserted), old(called.id)];
    let sent = rows[2].id;
    record(ledger, told.into(), rows).await?;
    let outcome = [(sent, Outcome::Sent)];
    let settled = ledger.settle(&outcome, seconds(-1)).await;
    settled.map_err(text)?;
    let swept = ledger.sweep(seconds(0), 1).await.map_err(text)?;
    ensure!(swept == 3, "{swept} rows were swept, one of each was asked");
    let swept = ledger.sweep(seconds(0), 100).await.map_err(text)?;
    ensure!(swept == 1, "{swept} rows were swept, one was left");
    let kept = ledger.newest(anna, None, 10).await.map_err(text)?;
    ensure!(kept.len() == 1, "young or old: {kept:?}");
    let due = ledger.due(called.id, now(), 10).await.map_err(text)?;
    ensure!(due.len() == 1, "what is pending was swept: {due:?}");
    let due = ledger.due(deserted, now(), 10).await.map_err(text)?;
    ensure!(due.is_empty(), "for nobody, and still pending: {due:?}");
    Ok(())
}

#[cfg(test)]
mod tests;
