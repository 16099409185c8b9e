//! What every adapter of the security log keeps.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Entry, Filter, NewEntry, SecurityLog};

/// Checks everything, on a log that is empty.
///
/// # Errors
/// The promise that was broken.
pub async fn check(log: &dyn SecurityLog) -> Result<(), String> {
    let kinds = ["signed_in", "forbidden", "signed_in", "sign_in_failed"];
    let entries = kinds.iter().enumerate().map(|(place, kind)| NewEntry {
        at: DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(i64::try_from(place).unwrap_or_default()),
        kind: (*kind).to_owned(),
        subject: format!("subject-{}", place % 2),
        role: "customer".to_owned(),
        target: "GET /ö".to_owned(),
    });
    let entries: Vec<_> = entries.collect();
    log.record(&[]).await.map_err(text)?;
    log.record(&entries[..3]).await.map_err(text)?;
    log.record(&entries[3..]).await.map_err(text)?;

    let all = list(log, &Filter::default(), 10).await?;
    let kept: Vec<_> = all.iter().map(|entry| entry.entry.clone()).collect();
    expect(
        kept == entries,
        "the entries are not what was kept, in order",
    )?;
    let rising = all.windows(2).all(|pair| pair[0].id < pair[1].id);
    expect(rising && all[0].id > 0, "the ids don't rise")?;
    let first = list(log, &Filter::default(), 2).await?;
    expect(first == all[..2], "a page is not the first entries")?;
    let after = all[1].id;
    let after = Filter {
        after,
        ..Filter::default()
    };
    let rest = list(log, &after, 10).await?;
    expect(rest == all[2..], "entries before the page are listed")?;
    check_filters(log, &all).await?;

    let before = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(2);
    expect(
        log.forget(before, 1).await.map_err(text)? == 1,
        "more is forgotten than asked",
    )?;
    expect(
        log.forget(before, 10).await.map_err(text)? == 1,
        "something else is forgotten",
    )?;
    let left = list(log, &Filter::default(), 10).await?;
    expect(left == all[2..], "the wrong entries are forgotten")
}

async fn check_filters(log: &dyn SecurityLog, all: &[Entry]) -> Result<(), String> {
    let kind = Some("signed_in".to_owned());
    let some = list(
        log,
        &Filter {
            kind: kind.clone(),
            ..Filter::default()
        },
        10,
    )
    .await?;
    expect(
        some == [all[0].clone(), all[2].clone()],
        "entries of another kind are listed",
    )?;
    let subject = Some("subject-1".to_owned());
    let none = list(
        log,
        &Filter {
            kind,
            subject: subject.clone(),
            after: 0,
        },
        10,
    )
    .await?;
    expect(none.is_empty(), "entries about another subject are listed")?;
    let some = list(
        log,
        &Filter {
            subject,
            ..Filter::default()
        },
        10,
    )
    .await?;
    expect(
        some == [all[1].clone(), all[3].clone()],
        "entries of a subject are left out",
    )
}

async fn list(log: &dyn SecurityLog, filter: &Filter, limit: usize) -> Result<Vec<Entry>, String> {
    log.list(filter, limit).await.map_err(text)
}

fn expect(holds: bool, broken: &str) -> Result<(), String> {
    holds.then_some(()).ok_or_else(|| broken.to_owned())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
