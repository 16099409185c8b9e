//! What every adapter of the leases has to keep: one function per promise of the port. Each uses leases of its own name.

use std::time::Duration;

use uuid::Uuid;

use super::{LEASE, Lease, Leases};
use crate::log::Position;

/// What was not kept, in words.
pub type Broken = String;

/// A lease that is over as soon as it is given.
const OVER: Duration = Duration::ZERO;

/// Checks every promise.
///
/// # Errors
/// What was not kept.
pub async fn check(leases: &dyn Leases) -> Result<(), Broken> {
    one_leads(leases).await?;
    terms_rise(leases).await?;
    a_lease_that_is_given_back_is_free(leases).await?;
    claims_are_fenced(leases).await?;
    names_are_told_apart(leases).await
}

/// Until a lease expires nobody else is given it; whoever holds it renews it and keeps its term.
///
/// # Errors
/// What was not kept.
pub async fn one_leads(leases: &dyn Leases) -> Result<(), Broken> {
    let (a, b) = (Uuid::now_v7(), Uuid::now_v7());
    let first = held(leases, "one", a, LEASE).await?;
    is(
        first.holder == a && first.name == "one",
        "whose lease it is",
    )?;
    is(
        hold(leases, "one", b, LEASE).await?.is_none(),
        "a second holder",
    )?;
    let renewed = held(leases, "one", a, LEASE).await?;
    is(renewed == first, "a lease that was renewed")?;
    is(
        hold(leases, "one", b, LEASE).await?.is_none(),
        "a second holder after a renewal",
    )
}

/// A lease that ran out goes to whoever asks, with a higher term; its last holder, too, gets a higher one.
///
/// # Errors
/// What was not kept.
pub async fn terms_rise(leases: &dyn Leases) -> Result<(), Broken> {
    let (a, b) = (Uuid::now_v7(), Uuid::now_v7());
    let first = held(leases, "terms", a, OVER).await?;
    is(first.term > 0, "a term before the first")?;
    let again = held(leases, "terms", a, OVER).await?;
    is(again.term > first.term, "the term of a lease that ran out")?;
    let over = held(leases, "terms", b, LEASE).await?;
    is(
        over.term > again.term,
        "the term of a lease that was taken over",
    )?;
    is(
        hold(leases, "terms", a, LEASE).await?.is_none(),
        "the last holder beside the next",
    )
}

/// A lease that is given back goes to whoever asks at once; giving back what is over changes nothing.
///
/// # Errors
/// What was not kept.
pub async fn a_lease_that_is_given_back_is_free(leases: &dyn Leases) -> Result<(), Broken> {
    let (a, b) = (Uuid::now_v7(), Uuid::now_v7());
    let first = held(leases, "back", a, LEASE).await?;
    leases.release(&first).await.map_err(|e| e.to_string())?;
    let second = held(leases, "back", b, LEASE).await?;
    is(
        second.term > first.term,
        "the term after a lease was given back",
    )?;
    leases.release(&first).await.map_err(|e| e.to_string())?;
    is(
        hold(leases, "back", a, LEASE).await?.is_none(),
        "another's lease, given back",
    )?;
    let claimed = claim(leases, &second, 1).await?;
    is(claimed, "a claim beside the giving back of an older term")
}

/// Only the present term claims: not one that ran out, was taken over or was given back.
///
/// # Errors
/// What was not kept.
pub async fn claims_are_fenced(leases: &dyn Leases) -> Result<(), Broken> {
    let (a, b) = (Uuid::now_v7(), Uuid::now_v7());
    let first = held(leases, "claims", a, LEASE).await?;
    is(claim(leases, &first, 5).await?, "a claim of the leader")?;
    is(claim(leases, &first, 5).await?, "the same claim again")?;
    let foreign = Lease {
        holder: b,
        ..first.clone()
    };
    is(
        !claim(leases, &foreign, 6).await?,
        "a claim under another's term",
    )?;
    let unheard = Lease {
        name: "nobody's".to_owned(),
        ..first.clone()
    };
    is(
        !claim(leases, &unheard, 6).await?,
        "a claim of a lease that was never held",
    )?;
    held(leases, "claims", a, OVER).await?;
    is(
        !claim(leases, &first, 6).await?,
        "a claim of a term that ran out",
    )?;
    let second = held(leases, "claims", b, LEASE).await?;
    is(
        !claim(leases, &first, 6).await?,
        "a claim of a term that was taken over",
    )?;
    is(
        claim(leases, &second, 6).await?,
        "a claim of the next leader",
    )?;
    leases.release(&second).await.map_err(|e| e.to_string())?;
    is(
        !claim(leases, &second, 7).await?,
        "a claim of a lease that was given back",
    )
}

/// Leases of other names are other leases.
///
/// # Errors
/// What was not kept.
pub async fn names_are_told_apart(leases: &dyn Leases) -> Result<(), Broken> {
    let (a, b) = (Uuid::now_v7(), Uuid::now_v7());
    held(leases, "name", a, LEASE).await?;
    held(leases, "Name", b, LEASE).await?;
    is(
        hold(leases, "name", b, LEASE).await?.is_none(),
        "a lease of another name",
    )
}

async fn hold(
    leases: &dyn Leases,
    name: &str,
    holder: Uuid,
    ttl: Duration,
) -> Result<Option<Lease>, Broken> {
    let held = leases.hold(name, holder, ttl).await;
    held.map_err(|e| e.to_string())
}

async fn held(
    leases: &dyn Leases,
    name: &str,
    holder: Uuid,
    ttl: Duration,
) -> Result<Lease, Broken> {
    let held = hold(leases, name, holder, ttl).await?;
    held.ok_or_else(|| format!("the free lease {name} was refused"))
}

async fn claim(leases: &dyn Leases, lease: &Lease, up_to: u64) -> Result<bool, Broken> {
    let claimed = leases.claim(lease, Position(up_to)).await;
    claimed.map_err(|e| e.to_string())
}

fn is(kept: bool, what: &str) -> Result<(), Broken> {
    if kept {
        Ok(())
    } else {
        Err(format!("not as promised: {what}"))
    }
}
