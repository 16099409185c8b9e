//! Lists: pages and their parameters.

use read_model::{Items, MAX_LIMIT, Page};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Error;

/// Most bytes of a cursor: ours have fewer than 100.
const MAX_CURSOR_BYTES: usize = 512;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// The items, in the list's order.
    pub(crate) items: Vec<T>,
    /// Where the next page begins; `null` at the end of the list.
    pub(crate) next_cursor: Option<String>,
}

impl<T> List<T> {
    /// The items of a page, each as its answer shows it.
    pub(crate) fn of<R>(page: Items<R>, view: impl FnMut(R) -> T) -> Self {
        Self {
            items: page.items.into_iter().map(view).collect(),
            next_cursor: page.next_cursor,
        }
    }
}

/// Which page.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParams {
    /// 1 to 100; 50 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl PageParams {
    /// The page that they name.
    ///
    /// # Errors
    /// As [`page`].
    pub(crate) fn page(self) -> Result<Page, Error> {
        page(self.limit, self.cursor)
    }
}

/// Checks the parameters of a page.
///
/// # Errors
/// [`Error::InvalidParameter`].
pub(crate) fn page(limit: Option<u32>, cursor: Option<String>) -> Result<Page, Error> {
    if limit.is_some_and(|limit| !(1..=MAX_LIMIT).contains(&limit)) {
        return Err(Error::InvalidParameter {
            name: "limit",
            detail: format!("1 to {MAX_LIMIT}"),
        });
    }
    if cursor
        .as_ref()
        .is_some_and(|cursor| cursor.len() > MAX_CURSOR_BYTES)
    {
        return Err(read_model::Error::BadCursor("it is too long".to_owned()).into());
    }
    Ok(Page::new(limit, cursor))
}
