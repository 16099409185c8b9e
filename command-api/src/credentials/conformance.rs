//! What all credentials promise, as functions over the port. Each answers what it found wrong.

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::try_join_all;
use uuid::Uuid;

use super::{Credentials, Digest, Error, MAX_SESSIONS_PER_CUSTOMER, NewSession, Rotated, Rotation};
use crate::ensure::ensure;

/// How many rotate one token at once.
const CALLERS: usize = 8;

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(10_000)
}

#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn text(error: Error) -> String {
    error.to_string()
}

/// A digest that no other function uses.
fn digest() -> Digest {
    let mut digest = [0; 32];
    digest[..16].copy_from_slice(Uuid::now_v7().as_bytes());
    digest
}

fn session_of(customer: Uuid) -> NewSession {
    NewSession {
        session: Uuid::now_v7(),
        customer,
        family: digest(),
        token: digest(),
        opened_at: now(),
        expires_at: now() + TimeDelta::days(30),
    }
}

fn rotation(session: &NewSession, shown: Digest, next: Digest) -> Rotation {
    Rotation {
        family: session.family,
        shown,
        next,
        now: now(),
        expires_at: now() + TimeDelta::days(30),
    }
}

/// Runs them all. They leave their rows behind.
///
/// # Errors
/// What the first that failed found wrong.
pub async fn all(store: &dyn Credentials) -> Result<(), String> {
    a_password_is_kept_and_replaced(store).await?;
    only_what_is_pending_is_discarded(store).await?;
    pending_passwords_are_listed_by_age(store).await?;
    a_token_rotates(store).await?;
    a_rotated_token_ends_the_session(store).await?;
    one_of_many_rotations_wins(store).await?;
    an_expired_session_is_unknown(store).await?;
    an_ended_session_is_unknown(store).await?;
    sessions_are_bounded(store).await?;
    erasing_leaves_nothing(store).await?;
    sweeping_takes_what_expired(store).await
}

/// The hash that was put last is the one that is read.
///
/// # Errors
/// What is wrong.
pub async fn a_password_is_kept_and_replaced(store: &dyn Credentials) -> Result<(), String> {
    let (customer, other) = (Uuid::now_v7(), Uuid::now_v7());
    ensure!(
        store.password(customer).await.map_err(text)?.is_none(),
        "a password before one was put"
    );
    for phc in ["$argon2id$1", "$argon2id$2"] {
        store
            .put_password(customer, phc, now())
            .await
            .map_err(text)?;
        let read = store.password(customer).await.map_err(text)?;
        ensure!(read.as_deref() == Some(phc), "put {phc}, read {read:?}");
    }
    ensure!(
        store.password(other).await.map_err(text)?.is_none(),
        "another customer's password"
    );
    Ok(())
}

/// Discarding takes a pending password away and leaves a settled one, also one that was replaced.
///
/// # Errors
/// What is wrong.
pub async fn only_what_is_pending_is_discarded(store: &dyn Credentials) -> Result<(), String> {
    let (pending, settled) = (Uuid::now_v7(), Uuid::now_v7());
    for customer in [pending, settled] {
        store
            .put_password(customer, "$x", now())
            .await
            .map_err(text)?;
    }
    store.settle_password(settled).await.map_err(text)?;
    store
        .put_password(settled, "$y", now())
        .await
        .map_err(text)?;
    for customer in [pending, settled] {
        store.discard_password(customer).await.map_err(text)?;
    }
    ensure!(
        store.password(pending).await.map_err(text)?.is_none(),
        "a discarded password is still there"
    );
    ensure!(
        store.password(settled).await.map_err(text)?.is_some(),
        "a settled password was discarded"
    );
    Ok(())
}

/// What is pending is listed, the oldest first, and only what is old enough.
///
/// # Errors
/// What is wrong.
pub async fn pending_passwords_are_listed_by_age(store: &dyn Credentials) -> Result<(), String> {
    // Long before the other functions' time, so that their rows don't show.
    let start = now() - TimeDelta::days(1_000);
    let customers: Vec<_> = (0..4).map(|_| Uuid::now_v7()).collect();
    for (customer, minute) in customers.iter().zip([3, 2, 1, 0]) {
        let at = start + TimeDelta::minutes(minute);
        store
            .put_password(*customer, "$x", at)
            .await
            .map_err(text)?;
    }
    store.settle_password(customers[3]).await.map_err(text)?;
    let before = start + TimeDelta::minutes(3);
    let found = store.pending_passwords(before, 100).await.map_err(text)?;
    ensure!(
        found == [customers[2], customers[1]],
        "pending: {found:?} of {customers:?}"
    );
    let found = store.pending_passwords(before, 1).await.map_err(text)?;
    ensure!(
        found == [customers[2]],
        "more than asked for, or not the oldest: {found:?}"
    );
    Ok(())
}

/// Each rotation makes the next token the good one.
///
/// # Errors
/// What is wrong.
pub async fn a_token_rotates(store: &dyn Credentials) -> Result<(), String> {
    let session = session_of(Uuid::now_v7());
    store.open_session(session).await.map_err(text)?;
    let mut shown = session.token;
    for _ in 0..3 {
        let next = digest();
        let rotated = store
            .rotate(rotation(&session, shown, next))
            .await
            .map_err(text)?;
        let expected = Rotated::Next {
            session: session.session,
            customer: session.customer,
        };
        ensure!(rotated == expected, "the newest token: {rotated:?}");
        shown = next;
    }
    let mut stranger = rotation(&session, shown, digest());
    stranger.family = digest();
    let rotated = store.rotate(stranger).await.map_err(text)?;
    ensure!(
        rotated == Rotated::Unknown,
        "a token of no family: {rotated:?}"
    );
    Ok(())
}

/// A token that was rotated before ends the session, for its holder and for the thief.
///
/// # Errors
/// What is wrong.
pub async fn a_rotated_token_ends_the_session(store: &dyn Credentials) -> Result<(), String> {
    let session = session_of(Uuid::now_v7());
    store.open_session(session).await.map_err(text)?;
    let (second, third) = (digest(), digest());
    store
        .rotate(rotation(&session, session.token, second))
        .await
        .map_err(text)?;
    let reused = store
        .rotate(rotation(&session, session.token, third))
        .await
        .map_err(text)?;
    let expected = Rotated::Reused {
        session: session.session,
        customer: session.customer,
    };
    ensure!(reused == expected, "a rotated token: {reused:?}");
    for shown in [session.token, second, third] {
        let after = store
            .rotate(rotation(&session, shown, digest()))
            .await
            .map_err(text)?;
        ensure!(
            after == Rotated::Unknown,
            "after a reuse the session lives on: {after:?}"
        );
    }
    Ok(())
}

/// Of several who rotate one token at once, exactly one gets the next.
///
/// # Errors
/// What is wrong.
pub async fn one_of_many_rotations_wins(store: &dyn Credentials) -> Result<(), String> {
    let session = session_of(Uuid::now_v7());
    store.open_session(session).await.map_err(text)?;
    let rotations = (0..CALLERS).map(|_| store.rotate(rotation(&session, session.token, digest())));
    let rotated = try_join_all(rotations).await.map_err(text)?;
    let winners = rotated
        .iter()
        .filter(|one| matches!(one, Rotated::Next { .. }))
        .count();
    ensure!(winners == 1, "{winners} rotations of one token won");
    Ok(())
}

/// At `expires_at` a session's time is over; a rotation moves it on.
///
/// # Errors
/// What is wrong.
pub async fn an_expired_session_is_unknown(store: &dyn Credentials) -> Result<(), String> {
    let session = session_of(Uuid::now_v7());
    store.open_session(session).await.map_err(text)?;
    let mut first = rotation(&session, session.token, digest());
    first.now = session.expires_at - TimeDelta::microseconds(1);
    first.expires_at = session.expires_at + TimeDelta::days(1);
    let rotated = store.rotate(first).await.map_err(text)?;
    ensure!(
        matches!(rotated, Rotated::Next { .. }),
        "just in time: {rotated:?}"
    );
    let mut late = rotation(&session, first.next, digest());
    late.now = first.expires_at;
    let rotated = store.rotate(late).await.map_err(text)?;
    ensure!(rotated == Rotated::Unknown, "too late: {rotated:?}");
    Ok(())
}

/// A session that was ended stays so, and only that one ends.
///
/// # Errors
/// What is wrong.
pub async fn an_ended_session_is_unknown(store: &dyn Credentials) -> Result<(), String> {
    let customer = Uuid::now_v7();
    let (ended, other) = (session_of(customer), session_of(customer));
    for session in [ended, other] {
        store.open_session(session).await.map_err(text)?;
    }
    for _ in 0..2 {
        store.end_session(ended.session).await.map_err(text)?;
    }
    let rotated = store
        .rotate(rotation(&ended, ended.token, digest()))
        .await
        .map_err(text)?;
    ensure!(rotated == Rotated::Unknown, "an ended session: {rotated:?}");
    let rotated = store
        .rotate(rotation(&other, other.token, digest()))
        .await
        .map_err(text)?;
    ensure!(
        matches!(rotated, Rotated::Next { .. }),
        "the customer's other session: {rotated:?}"
    );
    Ok(())
}

/// A session beyond the bound takes the place of the customer's oldest.
///
/// # Errors
/// What is wrong.
pub async fn sessions_are_bounded(store: &dyn Credentials) -> Result<(), String> {
    let (customer, other) = (Uuid::now_v7(), session_of(Uuid::now_v7()));
    store.open_session(other).await.map_err(text)?;
    let mut sessions = Vec::new();
    let mut opened_at = now();
    for _ in 0..=MAX_SESSIONS_PER_CUSTOMER {
        opened_at += TimeDelta::seconds(1);
        let session = NewSession {
            opened_at,
            ..session_of(customer)
        };
        store.open_session(session).await.map_err(text)?;
        sessions.push(session);
    }
    for (index, session) in sessions.iter().enumerate().chain([(usize::MAX, &other)]) {
        let rotated = store
            .rotate(rotation(session, session.token, digest()))
            .await
            .map_err(text)?;
        let lives = matches!(rotated, Rotated::Next { .. });
        ensure!(
            lives == (index != 0),
            "session {index} of {MAX_SESSIONS_PER_CUSTOMER}: {rotated:?}"
        );
    }
    Ok(())
}

/// Erasing a customer takes password and sessions, and no other customer's.
///
/// # Errors
/// What is wrong.
pub async fn erasing_leaves_nothing(store: &dyn Credentials) -> Result<(), String> {
    let (erased, other) = (Uuid::now_v7(), Uuid::now_v7());
    let sessions = [session_of(erased), session_of(other)];
    for session in sessions {
        store
            .put_password(session.customer, "$x", now())
            .await
            .map_err(text)?;
        store
            .settle_password(session.customer)
            .await
            .map_err(text)?;
        store.open_session(session).await.map_err(text)?;
    }
    store.erase(erased).await.map_err(text)?;
    for session in sessions {
        let kept = session.customer == other;
        let password = store.password(session.customer).await.map_err(text)?;
        ensure!(
            password.is_some() == kept,
            "password of the other ({kept}): {password:?}"
        );
        let rotated = store
            .rotate(rotation(&session, session.token, digest()))
            .await
            .map_err(text)?;
        ensure!(
            matches!(rotated, Rotated::Next { .. }) == kept,
            "session of the other ({kept}): {rotated:?}"
        );
    }
    Ok(())
}

/// Sweeping takes sessions whose time is over, at most as many as asked, and no others.
///
/// # Errors
/// What is wrong.
pub async fn sweeping_takes_what_expired(store: &dyn Credentials) -> Result<(), String> {
    // Long before the other functions' time, so that their sessions stay.
    let at = now() - TimeDelta::days(1_000);
    let mut sessions = Vec::new();
    for days in [-1, -1, 0, 1] {
        let expires_at = at + TimeDelta::days(days);
        let session = NewSession {
            expires_at,
            ..session_of(Uuid::now_v7())
        };
        store.open_session(session).await.map_err(text)?;
        sessions.push(session);
    }
    let swept = store.sweep_sessions(at, 2).await.map_err(text)?;
    ensure!(swept == 2, "asked for 2, swept {swept}");
    let swept = store.sweep_sessions(at, 100).await.map_err(text)?;
    ensure!(swept == 1, "left 1, swept {swept}");
    let mut last = rotation(&sessions[3], sessions[3].token, digest());
    last.now = at;
    let rotated = store.rotate(last).await.map_err(text)?;
    ensure!(
        matches!(rotated, Rotated::Next { .. }),
        "a live session was swept: {rotated:?}"
    );
    Ok(())
}

#[cfg(test)]
mod tests;
