//! `[limits]`.

use anyhow::Context;
use command_api::routes::COSTLY;
use edge::limits::{self, ForwardedHeader, Networks};
use serde::Deserialize;

use super::within;

/// Most calls a minute that a limit can be set to: beyond it a limit limits nobody.
const MAX_QUOTA: u64 = 1_000_000;

/// `[limits]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Addresses and networks of proxies.
    pub trusted_proxies: Vec<String>,
    /// What they append to.
    pub forwarded_header: ForwardedHeader,
    /// Addresses and networks of clients without limits.
    pub exempt: Vec<String>,
    /// Calls a minute; 0: any.
    pub calls_per_address: u32,
    /// Calls a minute; 0: any.
    pub sign_ins_per_address: u32,
    /// Calls a minute; 0: any.
    pub commands_per_customer: u32,
    /// Calls a minute; 0: any.
    pub queries_per_customer: u32,
    /// Callers remembered by each limit.
    pub max_callers: usize,
}

impl Limits {
    pub(super) fn check(&self) -> anyhow::Result<()> {
        for (key, quota) in [
            ("limits.calls_per_address", self.calls_per_address),
            ("limits.sign_ins_per_address", self.sign_ins_per_address),
            ("limits.commands_per_customer", self.commands_per_customer),
            ("limits.queries_per_customer", self.queries_per_customer),
        ] {
            within(key, quota.into(), 0..=MAX_QUOTA)?;
        }
        let callers = self.max_callers as u64;
        within("limits.max_callers", callers, 1_000..=10_000_000)?;
        self.quotas().map(drop)
    }

    /// In the edge's own terms.
    ///
    /// # Errors
    /// A network that can't be read.
    pub fn quotas(&self) -> anyhow::Result<limits::Config> {
        let read = |key: &'static str, texts: &[String]| Networks::read(texts).context(key);
        Ok(limits::Config {
            trusted_proxies: read("limits.trusted_proxies", &self.trusted_proxies)?,
            forwarded_header: self.forwarded_header,
            exempt: read("limits.exempt", &self.exempt)?,
            calls_per_address: self.calls_per_address,
            sign_ins_per_address: self.sign_ins_per_address,
            costly: &COSTLY,
            commands_per_customer: self.commands_per_customer,
            queries_per_customer: self.queries_per_customer,
            max_callers: self.max_callers,
        })
    }
}
