//! Pages of lists.

/// Items of a page unless the caller says otherwise.
pub const DEFAULT_LIMIT: u32 = 50;
/// Most items of a page: bounds the memory and the time of one read.
pub const MAX_LIMIT: u32 = 100;

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    limit: u32,
    after: Option<String>,
}

impl Default for Page {
    fn default() -> Self {
        Self::new(None, None)
    }
}

impl Page {
    /// A page of `limit` items (1 to 100, 50 unless given; brought into these bounds) behind the cursor `after`.
    pub fn new(limit: Option<u32>, after: Option<String>) -> Self {
        Self {
            limit: limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT),
            after,
        }
    }

    /// Most items wanted, 1 to 100.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// The cursor behind which the page begins.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Items<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Where the next page begins, in letters that need no escaping in a URL; `None` at the end of the list.
    pub next_cursor: Option<String>,
}
