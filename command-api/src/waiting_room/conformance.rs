//! What every waiting room promises, as functions over the port. Each answers what it found wrong, and uses shows of its own.

mod admission;
mod life;
mod order;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    ids::{CustomerId, EntryId, ShowId},
    waiting_room::Entrant,
};
use uuid::Uuid;

use super::{Entered, Error, Limits, Opening, Standing, State, WaitingRoom};

/// Runs them all.
///
/// # Errors
/// What the first that failed found wrong.
pub async fn all(room: &dyn WaitingRoom) -> Result<(), String> {
    life::a_customer_is_in_once(room).await?;
    life::an_unknown_room_is_not_open(room).await?;
    life::numbers_come_from_blocks(room).await?;
    life::entries_leave_and_are_forgotten(room).await?;
    life::the_silent_are_swept(room).await?;
    life::what_is_published_is_told(room).await?;
    life::what_was_lost_is_restored_in_its_order(room).await?;
    order::places_are_strictly_by_number(room).await?;
    order::the_lobby_waits_for_its_draw(room).await?;
    order::a_drawn_entry_keeps_what_it_drew(room).await?;
    admission::is_bounded_by_tokens(room).await?;
    admission::follows_a_change_of_the_rate(room).await?;
    admission::is_bounded_by_capacity(room).await?;
    admission::is_bounded_by_what_there_is_to_sell(room).await?;
    admission::passes_run_out(room).await?;
    admission::admits_each_once(room).await
}

/// When the doors open.
fn doors() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

/// So many milliseconds after the doors opened.
fn after(ms: i64) -> DateTime<Utc> {
    doors() + TimeDelta::milliseconds(ms)
}

fn customer(number: u64) -> CustomerId {
    Uuid::from_u128(0x100_0000 + u128::from(number)).into()
}

fn entry(number: u64) -> EntryId {
    Uuid::from_u128(0x200_0000 + u128::from(number)).into()
}

/// The `number`th customer with that number.
fn entrant(number: u64) -> Entrant {
    Entrant {
        number,
        entry_id: entry(number),
        customer_id: customer(number),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn text(error: Error) -> String {
    error.to_string()
}

fn opening() -> Opening {
    Opening {
        first: 1,
        last: 1_000,
        opens_at: doors(),
        lobby_open: true,
        recovers_until: None,
        active: Vec::new(),
    }
}

/// Without bounds but for the tokens.
fn limits(admit_per_second: u32) -> Limits {
    Limits {
        admit_per_second,
        max_active: 1_000,
        places: 1_000,
        holding: 0,
        batch: 1_000,
    }
}

/// A show whose room is open, with the first `entries` customers in it.
async fn open_with(
    room: &dyn WaitingRoom,
    entries: u64,
    now: DateTime<Utc>,
) -> Result<ShowId, String> {
    let show = ShowId(Uuid::now_v7());
    room.open(show, &opening()).await.map_err(text)?;
    for number in 1..=entries {
        enter(room, show, number, now).await?;
    }
    Ok(show)
}

async fn enter(
    room: &dyn WaitingRoom,
    show: ShowId,
    number: u64,
    now: DateTime<Utc>,
) -> Result<Standing, String> {
    let entered = room
        .enter(show, customer(number), entry(number), now)
        .await
        .map_err(text)?;
    match entered {
        Entered::New(standing) => Ok(standing),
        Entered::Already(standing) => Err(format!("{standing:?} was there before")),
    }
}

async fn look(
    room: &dyn WaitingRoom,
    show: ShowId,
    number: u64,
    now: DateTime<Utc>,
) -> Result<Standing, String> {
    let found = room.look(show, customer(number), now).await.map_err(text)?;
    found.ok_or_else(|| format!("customer {number} is not in the room"))
}

/// How many are ahead of a customer who waits.
async fn ahead(
    room: &dyn WaitingRoom,
    show: ShowId,
    number: u64,
    now: DateTime<Utc>,
) -> Result<u64, String> {
    match look(room, show, number, now).await?.state {
        State::Waiting { ahead } => Ok(ahead),
        other => Err(format!("customer {number} does not wait: {other:?}")),
    }
}

/// Lets in whoever is next, as the leader does; the numbers of those who were.
async fn admit(
    room: &dyn WaitingRoom,
    show: ShowId,
    limits: &Limits,
    now: DateTime<Utc>,
) -> Result<Vec<u64>, String> {
    let next = room.next(show, limits, now).await.map_err(text)?;
    let customers: Vec<_> = next.iter().map(|entrant| entrant.customer_id).collect();
    let until = now + TimeDelta::seconds(600);
    let rate = limits.admit_per_second;
    let admitted = room
        .admit(show, &customers, rate, until, now)
        .await
        .map_err(text)?;
    if admitted != customers.len() as u64 {
        return Err(format!("{admitted} of {} were let in", customers.len()));
    }
    Ok(next.iter().map(|entrant| entrant.number).collect())
}

#[cfg(test)]
mod tests;
