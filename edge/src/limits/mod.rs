//! Rate limits: what one address and one customer may ask of this process.
//!
//! ```text
//!  request ─▶ by address: all calls, sign-ins ─▶ a slot of this process ─▶ token ─▶ by customer: commands, queries ─▶ body, handler
//!              └──▶ 429                           └──▶ 503                            └──▶ 429
//! ```
//!
//! All of it happens on the request's head, before anything is read or computed that costs more. Limits are the process's own: nothing is
//! asked over the network, so they hold while everything else is away, and a caller who is spread over n processes gets n times as much.
//! Callers remembered are bounded; one too many makes the limit forget, never refuse (`docs/decisions/0030-limits.md`).

mod address;
mod limit;
mod store;
mod tally;

use std::{hash::Hash, net::IpAddr, sync::Arc};

use axum::extract::Request;
use governor::clock::MonotonicClock;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use self::address::{ForwardedHeader, Networks, NoNetwork, Peer};
pub(crate) use self::tally::Tally;
use self::{
    address::{client, counted},
    limit::{Limit, WINDOW},
};
use crate::{
    auth::{Role, Verifier, authenticate},
    metrics::RATE_LIMITED_CALLERS,
    problem::Problem,
};

/// Who is limited to what. Quotas are calls a minute by each caller; 0: no limit. [`Default`] limits nobody.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Proxies whose header is believed.
    pub trusted_proxies: Networks,
    /// The header.
    pub forwarded_header: ForwardedHeader,
    /// Clients who are not limited at all.
    pub exempt: Networks,
    /// All calls by one address.
    pub calls_per_address: u32,
    /// Calls by one address to one of [`Config::costly`].
    pub sign_ins_per_address: u32,
    /// Paths of calls, other than reads, that cost a password's hash.
    pub costly: &'static [&'static str],
    /// Calls by one customer that may change something.
    pub commands_per_customer: u32,
    /// Reads by one customer.
    pub queries_per_customer: u32,
    /// Callers remembered by each limit.
    pub max_callers: usize,
}

/// The limits of a process, and how far each caller has used them up.
#[derive(Debug)]
pub struct Limits {
    config: Config,
    verifier: Arc<Verifier>,
    calls: Option<Limit<IpAddr>>,
    sign_ins: Option<Limit<IpAddr>>,
    commands: Option<Limit<Uuid>>,
    queries: Option<Limit<Uuid>>,
}

/// Whose call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A client who is not limited.
    Exempt,
    /// A client at this address, as it is counted.
    At(IpAddr),
    /// Nobody knows the address.
    Unknown,
}

impl Limits {
    /// Nobody has used anything up yet. `verifier` tells whose a token is.
    pub fn new(config: Config, verifier: Arc<Verifier>) -> Self {
        let (most, clock) = (config.max_callers, || MonotonicClock);
        Self {
            calls: Limit::new("address", config.calls_per_address, most, clock()),
            sign_ins: Limit::new("sign_ins", config.sign_ins_per_address, most, clock()),
            commands: Limit::new("commands", config.commands_per_customer, most, clock()),
            queries: Limit::new("queries", config.queries_per_customer, most, clock()),
            config,
            verifier,
        }
    }

    /// Whose call it is, by its address.
    pub(crate) fn caller(&self, request: &Request) -> Caller {
        let Some(Peer(peer)) = request.extensions().get() else {
            return Caller::Unknown;
        };
        let Config {
            forwarded_header,
            trusted_proxies,
            exempt,
            ..
        } = &self.config;
        match client(*peer, request.headers(), *forwarded_header, trusted_proxies) {
            Some(address) if exempt.contain(address) => Caller::Exempt,
            Some(address) => Caller::At(counted(address)),
            None => Caller::Unknown,
        }
    }

    /// Counts a call by its address.
    ///
    /// # Errors
    /// 429 `too_many_requests`.
    pub(crate) fn count_address(
        &self,
        caller: Caller,
        request: &Request,
        tally: &mut Tally,
    ) -> Result<(), Problem> {
        let Caller::At(address) = caller else {
            return Ok(());
        };
        if let Some(limit) = &self.calls {
            tally.count(limit.take(&address))?;
        }
        let path = request.uri().path();
        if let Some(limit) = &self.sign_ins
            && !request.method().is_safe()
            && self.config.costly.contains(&path)
        {
            tally.count(limit.take(&address))?;
        }
        Ok(())
    }

    /// Counts a call by its customer. Whoever has no valid token is none; who has one of another role was given it by the operator.
    ///
    /// # Errors
    /// 429 `too_many_requests`.
    pub(crate) fn count_customer(
        &self,
        caller: Caller,
        request: &mut Request,
        tally: &mut Tally,
    ) -> Result<(), Problem> {
        let limit = if request.method().is_safe() {
            &self.queries
        } else {
            &self.commands
        };
        let (Some(limit), Caller::At(_) | Caller::Unknown) = (limit, caller) else {
            return Ok(());
        };
        match authenticate(&self.verifier, request) {
            Ok(token) if token.principal.role == Role::Customer => {
                tally.count(limit.take(&token.principal.id))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Forgets, until `end`, whose allowance is whole again.
    pub async fn sweep(self: Arc<Self>, end: CancellationToken) {
        let mut ticks = interval(WINDOW);
        while end.run_until_cancelled(ticks.tick()).await.is_some() {
            [&self.calls, &self.sign_ins]
                .into_iter()
                .flatten()
                .for_each(sweep);
            [&self.commands, &self.queries]
                .into_iter()
                .flatten()
                .for_each(sweep);
        }
    }
}

fn sweep<K: Hash + Eq + Clone>(limit: &Limit<K>) {
    limit.sweep();
    let callers = u32::try_from(limit.len()).unwrap_or(u32::MAX);
    metrics::gauge!(RATE_LIMITED_CALLERS, "policy" => limit.name()).set(callers);
}

#[cfg(test)]
mod tests;
