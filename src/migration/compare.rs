//! The second half: comparing every row of both sides, bytes and all.

use std::fmt::Debug;

use anyhow::ensure;
use event_store::EventLog;

use super::{Report, Source, Target, copy::EVENTS, pages};

/// Compares one table, page by page; answers how many rows it has.
macro_rules! compare {
    ($what:literal, $read:expr, $source:expr, $target:expr) => {{
        let (mut rows, mut last) = (0_u64, None);
        loop {
            let page = $read($source, last.as_ref()).await?;
            let copy = $read($target, last.as_ref()).await?;
            same($what, &page, &copy)?;
            rows += page.len() as u64;
            match page.into_iter().next_back() {
                Some(row) => last = Some(row),
                None => break rows,
            }
        }
    }};
}

/// Compares everything, and counts it.
pub(super) async fn everything(source: &Source, target: &Target) -> anyhow::Result<Report> {
    let (old, new): (&dyn EventLog, &dyn EventLog) = (&source.log, &target.log);
    Ok(Report {
        events: events(old, new).await?,
        streams: compare!("streams", pages::stream_heads, old, new),
        claims: compare!("claims", pages::claims, old, new),
        commands: compare!("commands", pages::commands, old, new),
        refusals: compare!(
            "refusals",
            pages::refusals,
            &source.refusals,
            &target.refusals
        ) + compare!(
            "counts of refusals",
            pages::refusal_counts,
            &source.refusals,
            &target.refusals
        ),
        passwords: compare!(
            "passwords",
            pages::passwords,
            &source.credentials,
            &target.credentials
        ),
        sessions: compare!(
            "sessions",
            pages::sessions,
            &source.credentials,
            &target.credentials
        ),
        notifications: compare!(
            "notifications",
            pages::notifications,
            &source.notifications,
            &target.notifications
        ),
        webhooks: compare!(
            "webhooks",
            pages::webhooks,
            &source.notifications,
            &target.notifications
        ),
        deliveries: compare!(
            "deliveries",
            pages::deliveries,
            &source.notifications,
            &target.notifications
        ),
        keys: compare!("keys", pages::keys, &source.keys, &target.keys),
        secrets: compare!("secrets", pages::secrets, &source.keys, &target.keys),
    })
}

async fn events(old: &dyn EventLog, new: &dyn EventLog) -> anyhow::Result<u64> {
    let (head, copied) = (old.head().await?.position, new.head().await?.position);
    ensure!(
        head == copied,
        "the log ends at {head}, its copy at {copied}"
    );
    let mut after = event_store::Position(0);
    loop {
        let page = old.read_all(after, EVENTS).await?;
        let copy = new.read_all(after, EVENTS).await?;
        same("events", &page, &copy)?;
        match page.last() {
            Some(last) => after = last.position,
            None => return Ok(head.0),
        }
    }
}

/// Refuses the first difference. What is kept secret is not shown: keys have no `Debug`, and rows with personal data are ciphertext.
fn same<T: PartialEq + Debug>(what: &str, source: &[T], copy: &[T]) -> anyhow::Result<()> {
    ensure!(
        source.len() == copy.len(),
        "{what}: {} rows where the copy has {}",
        source.len(),
        copy.len()
    );
    for (row, copied) in source.iter().zip(copy) {
        ensure!(row == copied, "{what}: {row:?} was copied as {copied:?}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_lacks_or_differs_is_told() {
        same("x", &[1, 2], &[1, 2]).unwrap();
        let lacks = same("x", &[1, 2], &[1]).unwrap_err().to_string();
        assert_eq!(lacks, "x: 2 rows where the copy has 1");
        let differs = same("x", &[1, 2], &[1, 3]).unwrap_err().to_string();
        assert_eq!(differs, "x: 2 was copied as 3");
    }
}
