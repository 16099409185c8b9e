//! Lists.

use std::fmt::Debug;

use super::{
    holds,
    sample::{self, id},
    works,
};
use crate::{
    At, Error, Items, Page, ReadModel, Rows, SagaFilter, SagaStand, ShowFilter, Write,
    tables::SagaState,
};

/// Most pages of a walk: a list that repeats itself ends here.
const MAX_PAGES: usize = 50;

/// Walks a list to its end, `limit` items at a time.
pub(super) async fn walk<T, F>(limit: u32, read: F) -> Result<Vec<T>, String>
where
    F: AsyncFn(Page) -> Result<At<Items<T>>, Error>,
{
    let mut all = Vec::new();
    let mut cursor = None;
    for _ in 0..MAX_PAGES {
        let page = works(read(Page::new(Some(limit), cursor)).await)?.value;
        holds(page.items.len() <= limit as usize, || {
            format!("a page of {limit} holds {}", page.items.len())
        })?;
        all.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(all);
        }
    }
    Err(format!("a list does not end within {MAX_PAGES} pages"))
}

pub(super) fn same<T: PartialEq + Debug>(
    what: &str,
    found: &[T],
    expected: &[T],
) -> Result<(), String> {
    holds(found == expected, || {
        format!("{what} are {found:?}, not {expected:?}")
    })
}

/// Lists show each row once, in their order, whatever the page size; those of one customer show no other's.
///
/// # Errors
/// What was found wrong.
pub async fn lists_are_walked_in_order(model: &dyn ReadModel) -> Result<(), String> {
    let mut rows = Rows::default();
    for n in 1..=9 {
        let customer = 1 + n % 2;
        rows.concerts.insert(id(n), sample::concert(n));
        rows.reservations
            .insert(id(n), sample::reservation(n, customer));
        rows.payments.insert(id(n), sample::payment(n, customer));
        rows.transactions
            .insert(n * 5, sample::transaction(n * 5, customer));
        let state = if n % 3 == 0 {
            SagaState::Completed
        } else {
            SagaState::Running
        };
        rows.sagas.insert(id(n), sample::saga(n, state));
    }
    let write = Write {
        rows: rows.clone(),
        ..Write::default()
    };
    works(model.write(&write).await)?;
    for limit in [1, 2, 3, 50] {
        let concerts = walk(limit, async |page| model.concerts(&page).await).await?;
        let expected: Vec<_> = rows.concerts.values().rev().cloned().collect();
        same("concerts", &concerts, &expected)?;
        let found = walk(limit, async |page| {
            model.reservations_of(id(1), &page).await
        })
        .await?;
        let all = rows.reservations.values().rev();
        let expected: Vec<_> = all.filter(|r| r.customer_id == id(1)).cloned().collect();
        same("reservations", &found, &expected)?;
        let found = walk(limit, async |page| model.payments_of(id(2), &page).await).await?;
        let all = rows.payments.values().rev();
        let expected: Vec<_> = all.filter(|p| p.customer_id == id(2)).cloned().collect();
        same("payments", &found, &expected)?;
        let found = walk(limit, async |page| {
            model.transactions_of(id(2), &page).await
        })
        .await?;
        let all = rows.transactions.values().rev();
        let expected: Vec<_> = all.filter(|t| t.customer_id == id(2)).cloned().collect();
        same("transactions", &found, &expected)?;
        let any = SagaFilter::default();
        let found = walk(limit, async |page| model.sagas(&any, &page).await).await?;
        let expected: Vec<_> = rows.sagas.values().cloned().collect();
        same("sagas", &found, &expected)?;
        let state = SagaState::Completed;
        let filter = SagaFilter {
            stand: SagaStand::In(state),
            ..any
        };
        let found = walk(limit, async |page| model.sagas(&filter, &page).await).await?;
        let all = rows.sagas.values();
        let expected: Vec<_> = all.filter(|s| s.state == state).cloned().collect();
        same("completed sagas", &found, &expected)?;
    }
    refuses_foreign_cursors(model).await
}

async fn refuses_foreign_cursors(model: &dyn ReadModel) -> Result<(), String> {
    let page = Page::new(None, Some("no cursor".to_owned()));
    let shows = model.shows(&ShowFilter::default(), &page).await.err();
    for answer in [
        model.concerts(&page).await.err(),
        model.reservations_of(id(1), &page).await.err(),
        model.payments_of(id(1), &page).await.err(),
        model.transactions_of(id(1), &page).await.err(),
        model.sagas(&SagaFilter::default(), &page).await.err(),
        shows,
    ] {
        holds(matches!(answer, Some(Error::BadCursor(_))), || {
            format!("a foreign cursor was answered with {answer:?}")
        })?;
    }
    Ok(())
}

/// Shows come by start, those of one instant by id; the filter's ends are inclusive and exclusive.
///
/// # Errors
/// What was found wrong.
pub async fn shows_are_filtered_and_sorted_by_start(model: &dyn ReadModel) -> Result<(), String> {
    let mut rows = Rows::default();
    for n in 1..=9 {
        // Starts fall as ids rise, three shows to an instant.
        rows.shows
            .insert(id(n), sample::show(n, 1 + n % 2, 10 - n / 3));
    }
    let write = Write {
        rows: rows.clone(),
        ..Write::default()
    };
    works(model.write(&write).await)?;
    let mut sorted: Vec<_> = rows.shows.values().cloned().collect();
    sorted.sort_by_key(|show| (show.starts_at, show.show_id));
    let bounds = [
        (None, None),
        (Some(8), None),
        (None, Some(9)),
        (Some(8), Some(10)),
    ];
    for concert in [None, Some(2)] {
        for (from, to) in bounds {
            let filter = ShowFilter {
                concert_id: concert.map(id),
                from: from.map(sample::at),
                to: to.map(sample::at),
            };
            let expected: Vec<_> = sorted
                .iter()
                .filter(|show| filter.concert_id.is_none_or(|c| show.concert_id == c))
                .filter(|show| filter.from.is_none_or(|from| show.starts_at >= from))
                .filter(|show| filter.to.is_none_or(|to| show.starts_at < to))
                .cloned()
                .collect();
            for limit in [1, 2, 50] {
                let found = walk(limit, async |page| model.shows(&filter, &page).await).await?;
                let found: Vec<_> = found.into_iter().map(|s| s.show).collect();
                same("shows", &found, &expected)?;
            }
        }
    }
    Ok(())
}
