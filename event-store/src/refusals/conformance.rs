//! What every adapter of the refusals keeps.

use std::slice;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Count, KEPT_EACH, Kept, Of, Refusal, Refusals, Tally};

/// Everything, wherever it stands.
const ANYWHERE: std::ops::Range<u64> = 0..u64::MAX;
/// More than any check keeps.
const ALL: usize = 10_000;

/// Checks everything, on a store that is empty.
///
/// # Errors
/// The promise that was broken.
pub async fn check(store: &dyn Refusals) -> Result<(), String> {
    check_what_is_kept(store).await?;
    check_bounds(store).await?;
    check_at_once(store).await?;
    check_order(store).await?;
    check_copying(store).await?;
    check_forgetting(store).await
}

async fn check_what_is_kept(store: &dyn Refusals) -> Result<(), String> {
    let refusal = refusal(1, "anna", 7);
    let tallies =
        ["seat/s/A-1", "seat/s/ä/2"].map(|subject| tally(subject, slice::from_ref(&refusal)));
    let full = store.record(&tallies).await.map_err(text)?;
    expect(full.is_empty(), "a subject is full after one refusal")?;
    store.record(&[]).await.map_err(text)?;
    let subjects = ["seat/s/ä/2".to_owned(), "seat/none".to_owned()];
    let found = list(store, Of::Subjects(&subjects)).await?;
    let kept = |subject: &str| Kept {
        subject: subject.to_owned(),
        number: 1,
        refusal: refusal.clone(),
    };
    expect(
        found == [kept("seat/s/ä/2")],
        "what is kept is not what was told",
    )?;
    let both = ["seat/s/A-1", "seat/s/ä/2"].map(kept);
    for of in [Of::Actor("anna"), Of::Correlation("correlation-1")] {
        expect(
            list(store, of).await? == both,
            "a refusal is not kept for each subject",
        )?;
    }
    for of in [
        Of::Actor("ben"),
        Of::Correlation("correlation-2"),
        Of::Correlation(""),
    ] {
        expect(
            list(store, of).await?.is_empty(),
            "another's refusals are listed",
        )?;
    }
    let counts = store.counts(&subjects).await.map_err(text)?;
    let count = Count {
        subject: "seat/s/ä/2".to_owned(),
        refused: 1,
        last_at: refusal.at,
    };
    expect(counts == [count], "a refusal is not counted once")
}

async fn check_bounds(store: &dyn Refusals) -> Result<(), String> {
    let subject = "seat/s/burst";
    let many = |from: u64, count: u64| -> Vec<Refusal> {
        (from..from + count)
            .map(|number| refusal(number, "crowd", 9))
            .collect()
    };
    let record = async |tally: Tally| store.record(&[tally]).await.map_err(text);
    let full = record(tally(subject, &many(1, 60))).await?;
    expect(full.is_empty(), "60 refusals fill a subject")?;
    // Of the next 60 only 40 have room; of the rest there is the count alone.
    let full = record(tally(subject, &many(61, 60))).await?;
    expect(full == [subject], "120 refusals don't fill a subject")?;
    let rest = Tally {
        refused: 99_880,
        ..tally(subject, &many(200, 1))
    };
    let full = record(rest.clone()).await?;
    expect(full == [subject], "a full subject is not told")?;

    let subjects = [subject.to_owned()];
    let kept = list(store, Of::Subjects(&subjects)).await?;
    let mut numbers: Vec<_> = kept.iter().map(|kept| kept.number).collect();
    numbers.sort_unstable();
    expect(
        numbers == (1..=KEPT_EACH).collect::<Vec<_>>(),
        "the first hundred are not kept",
    )?;
    let told = |kept: &Kept| kept.refusal.at == refusal(kept.number, "", 0).at;
    expect(kept.iter().all(told), "later ones are kept for earlier")?;
    let counts = store.counts(&subjects).await.map_err(text)?;
    let sums = [Count {
        subject: subject.to_owned(),
        refused: 100_000,
        last_at: rest.last_at,
    }];
    expect(counts == sums, "not all are counted")
}

async fn check_at_once(store: &dyn Refusals) -> Result<(), String> {
    let names = ["seat/s/at-once-1", "seat/s/at-once-2"];
    let write = |offset: u64| async move {
        for round in 0..10 {
            let from = offset + round * 10;
            let refusals: Vec<_> = (from..from + 10)
                .map(|number| refusal(number, "many", 3))
                .collect();
            let tallies = names.map(|name| tally(name, &refusals));
            store.record(&tallies).await.map_err(text)?;
        }
        Ok::<_, String>(())
    };
    let (first, second) = tokio::join!(write(0), write(1_000));
    first.and(second)?;
    for name in names {
        let subjects = [name.to_owned()];
        let kept = list(store, Of::Subjects(&subjects)).await?.len() as u64;
        let counts = store.counts(&subjects).await.map_err(text)?;
        let refused = counts.first().map(|count| count.refused);
        expect(
            (kept, refused) == (KEPT_EACH, Some(200)),
            "two that write at once keep or count something else",
        )?;
    }
    Ok(())
}

async fn check_order(store: &dyn Refusals) -> Result<(), String> {
    let places = [(5, 50), (1, 50), (4, 20), (2, 90)];
    let refusals = places.map(|(number, position)| refusal(number, "order", position));
    let tally = tally("reservation/r", &refusals);
    store.record(&[tally]).await.map_err(text)?;
    let found = async |positions: std::ops::Range<u64>, limit| {
        let found = store.list(Of::Actor("order"), positions, limit).await;
        let found = found.map_err(text)?.into_iter();
        Ok::<_, String>(
            found
                .map(|kept| kept.refusal.position)
                .collect::<Vec<u64>>(),
        )
    };
    let by_time = list(store, Of::Actor("order")).await?;
    let times: Vec<_> = by_time.iter().map(|kept| kept.refusal.at).collect();
    let expected = [4, 1, 5, 2].map(|number| refusal(number, "", 0).at);
    expect(times == expected, "the order is not by position and time")?;
    expect(
        found(20..90, ALL).await? == [20, 50, 50],
        "positions outside the range are listed",
    )?;
    expect(
        found(0..91, 2).await? == [20, 50],
        "a page is not the first ones",
    )
}

async fn check_copying(store: &dyn Refusals) -> Result<(), String> {
    let all = store.list_kept(None, ALL).await.map_err(text)?;
    let counts = store.list_counts(None, ALL).await.map_err(text)?;
    let key = |kept: &Kept| (kept.subject.clone().into_bytes(), kept.number);
    expect(
        all.len() == 2 + 3 * 100 + 4 && all.is_sorted_by_key(key),
        "not all are listed by subject and number",
    )?;
    expect(
        counts.len() == 6 && counts.is_sorted_by_key(|count| count.subject.clone().into_bytes()),
        "not all counts are listed by subject",
    )?;
    let last = &all[101];
    let rest = store.list_kept(Some((&last.subject, last.number)), 10);
    expect(
        rest.await.map_err(text)? == all[102..112],
        "a page does not follow the one before",
    )?;
    let rest = store.list_counts(Some(&counts[1].subject), 2).await;
    expect(
        rest.map_err(text)? == counts[2..4],
        "a page of counts does not follow the one before",
    )
}

async fn check_forgetting(store: &dyn Refusals) -> Result<(), String> {
    let subjects = ["seat/s/burst".to_owned()];
    let before = refusal(11, "", 0).at;
    let forget = async |limit| store.forget(before, limit).await.map_err(text);
    expect(forget(1).await? == 1, "more is forgotten than asked")?;
    forget(ALL).await?;
    expect(forget(ALL).await? == 0, "something is left")?;
    let left = list(store, Of::Subjects(&subjects)).await?;
    let number = left.iter().map(|kept| kept.number).min();
    expect(
        (left.len(), number) == (90, Some(11)),
        "the wrong ones are forgotten",
    )?;
    let counts = store.counts(&subjects).await.map_err(text)?;
    expect(
        counts.first().is_some_and(|count| count.refused == 100_000),
        "counts are forgotten",
    )
}

fn refusal(number: u64, actor: &str, position: u64) -> Refusal {
    let seconds = i64::try_from(number).unwrap_or_default();
    Refusal {
        refusal_id: Uuid::from_u128(u128::from(number)),
        at: DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(seconds),
        command: "hold_seats".to_owned(),
        command_id: Uuid::from_u128(u128::from(number) << 64),
        code: "seats_unavailable".to_owned(),
        detail: "not available: [\"ö\"]".to_owned(),
        actor: actor.to_owned(),
        correlation_id: if actor == "anna" {
            format!("correlation-{number}")
        } else {
            String::new()
        },
        position,
    }
}

/// Refusals about a subject, in this order.
fn tally(subject: &str, refusals: &[Refusal]) -> Tally {
    Tally {
        subject: subject.to_owned(),
        refused: refusals.len() as u64,
        last_at: refusals
            .iter()
            .map(|refusal| refusal.at)
            .max()
            .unwrap_or_default(),
        first: (1..).zip(refusals.iter().cloned()).collect(),
    }
}

async fn list(store: &dyn Refusals, of: Of<'_>) -> Result<Vec<Kept>, String> {
    store.list(of, ANYWHERE, ALL).await.map_err(text)
}

fn expect(holds: bool, broken: &str) -> Result<(), String> {
    holds.then_some(()).ok_or_else(|| broken.to_owned())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
