//! What every key store promises, as functions over the port. Each answers what it found wrong.

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::try_join_all;
use uuid::Uuid;

use super::{Error, HmacPurpose, KeyStore, MAX_NAME_BYTES};
use crate::ensure::ensure;

/// How many ask for one key at once.
const CALLERS: usize = 16;

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(10_000)
}

#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn text(error: Error) -> String {
    error.to_string()
}

/// Runs them all. They leave their keys behind.
///
/// # Errors
/// What the first that failed found wrong.
pub async fn all(store: &dyn KeyStore) -> Result<(), String> {
    a_key_is_created_once(store).await?;
    one_key_for_all_who_ask_at_once(store).await?;
    destruction_is_final(store).await?;
    only_what_is_pending_is_discarded(store).await?;
    pending_keys_are_listed_by_age(store).await?;
    secrets_are_stable_and_apart(store).await?;
    a_destroyed_secret_is_gone(store).await?;
    secrets_are_listed_by_name(store).await?;
    names_are_bounded(store).await
}

/// Creating what exists answers what exists; each customer has a key of their own.
///
/// # Errors
/// What is wrong.
pub async fn a_key_is_created_once(store: &dyn KeyStore) -> Result<(), String> {
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    ensure!(
        store.key(one).await.map_err(text)?.is_none(),
        "a key before it was created"
    );
    let key = store.create_key(one, now()).await.map_err(text)?;
    ensure!(key.expose() != &[0; super::KEY_BYTES], "a key of zeroes");
    ensure!(
        store.create_key(one, now()).await.map_err(text)? == key,
        "a second key"
    );
    ensure!(
        store.key(one).await.map_err(text)? == Some(key.clone()),
        "another key than created"
    );
    ensure!(
        store.create_key(other, now()).await.map_err(text)? != key,
        "two customers share a key"
    );
    store.settle_key(one).await.map_err(text)?;
    ensure!(
        store.key(one).await.map_err(text)? == Some(key.clone()),
        "settling changed the key"
    );
    ensure!(
        store.create_key(one, now()).await.map_err(text)? == key,
        "a second key after settling"
    );
    Ok(())
}

/// Whoever asks gets the same key.
///
/// # Errors
/// What is wrong.
pub async fn one_key_for_all_who_ask_at_once(store: &dyn KeyStore) -> Result<(), String> {
    let customer = Uuid::now_v7();
    let name = format!("conformance/{customer}");
    let keys = try_join_all((0..CALLERS).map(|_| store.create_key(customer, now())))
        .await
        .map_err(text)?;
    ensure!(
        keys.iter().all(|key| key == &keys[0]),
        "callers got different keys"
    );
    let secrets = try_join_all((0..CALLERS).map(|_| store.create_secret(&name)))
        .await
        .map_err(text)?;
    ensure!(
        secrets.iter().all(|secret| secret == &secrets[0]),
        "callers got different secrets"
    );
    Ok(())
}

/// A destroyed key can't be read, and no new one takes its place.
///
/// # Errors
/// What is wrong.
pub async fn destruction_is_final(store: &dyn KeyStore) -> Result<(), String> {
    for created in [true, false] {
        let customer = Uuid::now_v7();
        if created {
            store.create_key(customer, now()).await.map_err(text)?;
        }
        // Twice: whoever repeats an erasure changes nothing.
        for _ in 0..2 {
            store.destroy_key(customer, now()).await.map_err(text)?;
        }
        ensure!(
            store.key(customer).await.map_err(text)?.is_none(),
            "a destroyed key can be read"
        );
        store.discard_key(customer).await.map_err(text)?;
        let again = store.create_key(customer, now()).await;
        ensure!(
            matches!(again, Err(Error::Destroyed { .. })),
            "a new key in place of a destroyed one"
        );
    }
    Ok(())
}

/// Discarding takes a pending key away and leaves a settled one.
///
/// # Errors
/// What is wrong.
pub async fn only_what_is_pending_is_discarded(store: &dyn KeyStore) -> Result<(), String> {
    let (pending, settled) = (Uuid::now_v7(), Uuid::now_v7());
    store.create_key(pending, now()).await.map_err(text)?;
    store.create_key(settled, now()).await.map_err(text)?;
    store.settle_key(settled).await.map_err(text)?;
    for customer in [pending, settled] {
        store.discard_key(customer).await.map_err(text)?;
    }
    ensure!(
        store.key(pending).await.map_err(text)?.is_none(),
        "a discarded key is still there"
    );
    ensure!(
        store.key(settled).await.map_err(text)?.is_some(),
        "a settled key was discarded"
    );
    store.create_key(pending, now()).await.map_err(text)?;
    Ok(())
}

/// What is pending is listed, the oldest first, and only what is old enough.
///
/// # Errors
/// What is wrong.
pub async fn pending_keys_are_listed_by_age(store: &dyn KeyStore) -> Result<(), String> {
    // Long before the other functions' time, so that their keys don't show.
    let start = now() - TimeDelta::days(1_000);
    let customers: Vec<_> = (0..5).map(|_| Uuid::now_v7()).collect();
    for (customer, minute) in customers.iter().zip([4, 3, 2, 1, 0]) {
        store
            .create_key(*customer, start + TimeDelta::minutes(minute))
            .await
            .map_err(text)?;
    }
    store.settle_key(customers[3]).await.map_err(text)?;
    store.destroy_key(customers[4], start).await.map_err(text)?;
    let before = start + TimeDelta::minutes(4);
    let found = store.pending_keys(before, 100).await.map_err(text)?;
    ensure!(
        found == [customers[2], customers[1]],
        "pending: {found:?} of {customers:?}"
    );
    let found = store.pending_keys(before, 1).await.map_err(text)?;
    ensure!(
        found == [customers[2]],
        "more than asked for, or not the oldest: {found:?}"
    );
    Ok(())
}

/// A secret stays the same, and those of two names differ.
///
/// # Errors
/// What is wrong.
pub async fn secrets_are_stable_and_apart(store: &dyn KeyStore) -> Result<(), String> {
    let fingerprint = store
        .hmac_key(HmacPurpose::Fingerprint)
        .await
        .map_err(text)?;
    let email = store.hmac_key(HmacPurpose::Email).await.map_err(text)?;
    ensure!(fingerprint != email, "two purposes share a key");
    let again = store
        .hmac_key(HmacPurpose::Fingerprint)
        .await
        .map_err(text)?;
    ensure!(fingerprint == again, "the key of fingerprints changed");
    let read = store
        .secret(HmacPurpose::Email.secret_name())
        .await
        .map_err(text)?;
    ensure!(
        read == Some(email),
        "the key of e-mails is not found by its name"
    );
    Ok(())
}

/// A destroyed secret is gone, and one of the same name is another.
///
/// # Errors
/// What is wrong.
pub async fn a_destroyed_secret_is_gone(store: &dyn KeyStore) -> Result<(), String> {
    let name = format!("conformance/{}", Uuid::now_v7());
    ensure!(
        store.secret(&name).await.map_err(text)?.is_none(),
        "a secret before it was created"
    );
    let secret = store.create_secret(&name).await.map_err(text)?;
    store.destroy_secret(&name).await.map_err(text)?;
    ensure!(
        store.secret(&name).await.map_err(text)?.is_none(),
        "a destroyed secret can be read"
    );
    ensure!(
        store.create_secret(&name).await.map_err(text)? != secret,
        "a destroyed secret came back"
    );
    Ok(())
}

/// Names are listed by what they begin with, in order, in pages.
///
/// # Errors
/// What is wrong.
pub async fn secrets_are_listed_by_name(store: &dyn KeyStore) -> Result<(), String> {
    let prefix = format!("conformance/{}/", Uuid::now_v7());
    let mut names: Vec<_> = (0..5)
        .map(|_| format!("{prefix}{}", Uuid::now_v7()))
        .collect();
    // One that begins otherwise, and would stand behind them.
    let other = format!("{}0", prefix.trim_end_matches('/'));
    for name in names.iter().chain([&other]) {
        store.create_secret(name).await.map_err(text)?;
    }
    store.destroy_secret(&names.remove(2)).await.map_err(text)?;
    let found = store.secret_names(&prefix, &prefix, 3).await;
    let found = found.map_err(text)?;
    ensure!(found == names[..3], "first page: {found:?} of {names:?}");
    let found = store.secret_names(&prefix, &found[2], 3).await;
    let found = found.map_err(text)?;
    ensure!(found == names[3..], "second page: {found:?} of {names:?}");
    Ok(())
}

/// A name has 1 to 255 bytes.
///
/// # Errors
/// What is wrong.
pub async fn names_are_bounded(store: &dyn KeyStore) -> Result<(), String> {
    for name in [String::new(), "x".repeat(MAX_NAME_BYTES + 1)] {
        let refused = store.create_secret(&name).await;
        ensure!(
            matches!(refused, Err(Error::Name { .. })),
            "a name of {} bytes",
            name.len()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
