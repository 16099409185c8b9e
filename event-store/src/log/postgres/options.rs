//! How a log is opened.

use std::time::Duration;

/// Who uses the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// Appends too: needs the primary.
    #[default]
    ReadWrite,
    /// Reads only, on a standby or the primary; what it reads may be behind.
    ReadOnly,
}

/// What an acknowledgement means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Synced to disk, and on the synchronous standby where the server names one. A server that was promoted must have one.
    #[default]
    Replicated,
    /// Synced to the disk of one server, whose loss is the loss of what it acknowledged: sessions run with
    /// `synchronous_commit=local`. For the time after a fail-over until there is a standby again.
    Single,
}

/// How a log is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who uses it.
    pub access: Access,
    /// What an acknowledgement means.
    pub durability: Durability,
    /// Connections that read.
    pub read_connections: u32,
    /// How long to wait for another process's transaction.
    pub lock_timeout: Duration,
    /// After so long without an answer, the outcome of an append is unknown. Longer than `lock_timeout`, shorter than requests last.
    pub append_timeout: Duration,
    /// How often to look for commits of other processes, beside being told of them.
    pub poll: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            access: Access::ReadWrite,
            durability: Durability::Replicated,
            read_connections: 8,
            lock_timeout: Duration::from_secs(2),
            append_timeout: Duration::from_secs(4),
            poll: Duration::from_secs(1),
        }
    }
}
