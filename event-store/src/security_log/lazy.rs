//! A security log that is opened at its first entry: for a process that does its work whether the log's server is there or not.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::OnceCell;

use super::{Entry, Filter, NewEntry, SecurityLog, open};
use crate::log::{Error, postgres::Options};

/// The security log at a URL, once it is used. Until it can be opened, each use tries.
#[derive(Debug)]
pub struct LazySecurityLog {
    url: String,
    options: Options,
    opened: OnceCell<Arc<dyn SecurityLog>>,
}

impl LazySecurityLog {
    /// At `url`, as [`open`] takes it.
    pub fn new(url: impl Into<String>, options: Options) -> Self {
        Self {
            url: url.into(),
            options,
            opened: OnceCell::new(),
        }
    }

    async fn opened(&self) -> Result<&dyn SecurityLog, Error> {
        let open = || open(&self.url, self.options.clone());
        self.opened.get_or_try_init(open).await.map(AsRef::as_ref)
    }
}

#[async_trait]
impl SecurityLog for LazySecurityLog {
    async fn record(&self, entries: &[NewEntry]) -> Result<(), Error> {
        self.opened().await?.record(entries).await
    }

    async fn list(&self, filter: &Filter, limit: usize) -> Result<Vec<Entry>, Error> {
        self.opened().await?.list(filter, limit).await
    }

    async fn forget(&self, before: DateTime<Utc>, limit: usize) -> Result<u64, Error> {
        self.opened().await?.forget(before, limit).await
    }
}
