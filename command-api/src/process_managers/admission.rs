//! Who is let in from the waiting rooms: a round over all rooms whose doors are open, ten times a second.
//!
//! ```text
//!  show: what is sold, what there is to sell ─▶ release ─▶ sweep ─▶ draw (once) ─▶ next ─▶ log: CustomersAdmitted ─▶ admit
//! ```
//!
//! What the log must know is recorded before the store is told of it, so a leader that dies in between is followed by one that does the
//! same again: who was let in before is not let in twice, and passes that have run out are recorded once.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Aggregate,
    ids::{CustomerId, EntryId, ShowId},
    show::{BoughtPass, Show, Stock},
    waiting_room::{ADMISSION_BATCH, Command, Draw, Entrant, Flow, WaitingRoom},
};
use futures::StreamExt;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    key_store::KeyStore,
    metrics,
    process_managers::meter::Meter,
    state::Core,
    waiting_room::{
        Depth, Error as StoreError, Limits, Notice, Rooms, SILENCE, deal, public_value,
        rooms::Error, seed_name,
    },
};

/// Pause between two rounds: how late an admission is, at most, and how often each room asks the store and the log.
const PAUSE: Duration = Duration::from_millis(100);
/// Rooms served: far more shows than are on sale at a time.
const MAX_ROOMS: usize = 10_000;
/// Rooms served at once.
const CONCURRENCY: usize = 16;
/// How often a room is swept and what all are told is renewed, unless it changes.
const SWEEP_EVERY: TimeDelta = TimeDelta::seconds(1);
/// A hold that is void so soon counts as free: about as long as a customer needs to choose.
const SOON: TimeDelta = TimeDelta::seconds(30);
/// How long a room stays after its sale, for those who wait to read that it is over.
const LINGER: TimeDelta = TimeDelta::minutes(10);

/// What a leader remembers of a room. Without it, it takes a little longer, and nothing is wrong.
#[derive(Debug, Default)]
struct Served {
    /// How many of the show's passes that have bought were released.
    released: usize,
    swept_at: Option<DateTime<Utc>>,
    told: Option<Notice>,
    meter: Meter,
    over_since: Option<DateTime<Utc>>,
}

/// What the leader works with.
struct Leader<'a> {
    core: &'a Core,
    rooms: &'a Rooms,
    keys: &'a dyn KeyStore,
    /// Since when the store answers without a failure in between: silence counts from there on.
    heard_since: DateTime<Utc>,
}

/// Lets customers in until `shutdown`.
pub(super) async fn run(
    core: &Core,
    rooms: &Rooms,
    keys: &dyn KeyStore,
    shutdown: &CancellationToken,
) {
    let mut leader = Leader {
        core,
        rooms,
        keys,
        heard_since: core.clock.now(),
    };
    let (mut served, mut failed) = (HashMap::new(), None);
    let pause = core.settings.poll.min(PAUSE);
    let work = async {
        loop {
            let result = leader.round(&mut served).await;
            if let Err(Error::Store(StoreError::Unavailable(_))) = &result {
                leader.heard_since = core.clock.now();
            }
            // Once, and not ten times a second, however long it lasts.
            match result.map_err(|error| error.to_string()).err() {
                failing if failing == failed => {}
                Some(error) => {
                    tracing::warn!(error, "somebody who waits can't be let in now");
                    failed = Some(error);
                }
                None => failed = None,
            }
            sleep(pause).await;
        }
    };
    shutdown.run_until_cancelled(work).await;
}

impl Leader<'_> {
    /// Serves every room once; the first failure, after all were tried.
    async fn round(&self, served: &mut HashMap<ShowId, Served>) -> Result<(), Error> {
        let now = self.core.clock.now();
        let due = self.core.log.due(WaitingRoom::TYPE, now, MAX_ROOMS).await;
        let shows: Vec<ShowId> = due?
            .iter()
            .filter_map(|due| due.stream.aggregate_id.parse().ok())
            .collect();
        let mut before = std::mem::take(served);
        let taken = shows
            .into_iter()
            .map(|show| (show, before.remove(&show).unwrap_or_default()));
        let done: Vec<_> = futures::stream::iter(taken.collect::<Vec<_>>())
            .map(async |(show, mut served)| {
                let result = self.serve(show, &mut served, now).await;
                (show, served, result)
            })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        let mut failed = None;
        for (show, state, result) in done {
            served.insert(show, state);
            failed = failed.or(result.err());
        }
        failed.map_or(Ok(()), Err)
    }

    async fn serve(
        &self,
        show: ShowId,
        served: &mut Served,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let depth = match self.rooms.store().depth(show, now).await {
            Err(StoreError::NotOpen) => None,
            depth => Some(depth?),
        };
        let is_time = served.swept_at.is_none_or(|at| now - at >= SWEEP_EVERY);
        if depth.is_none() && !is_time {
            return Ok(());
        }
        let (stock, bought) = self.look_at_show(show, served.released).await?;
        if stock.over && self.wind_up(show, served, now, depth.is_none()).await? {
            return Ok(());
        }
        let Some(depth) = depth else {
            served.swept_at = Some(now);
            return Ok(());
        };
        metrics::waiting(show, &depth);
        self.release(show, served, &bought).await?;
        if is_time {
            self.sweep(show, now).await?;
            served.swept_at = Some(now);
        }
        let room = |room: &WaitingRoom| (room.flow.clone(), room.draw.clone());
        let (Some(flow), draw) = self.rooms.read(show, room).await? else {
            return Ok(());
        };
        self.tell(show, served, &flow, stock, is_time, now).await?;
        if depth.recovers || stock.over {
            return Ok(());
        }
        if depth.lobby_open || depth.lobby > 0 {
            self.draw(show, depth, draw).await?;
        }
        if !flow.paused && stock.on_sale {
            let admitted = self.admit(show, &flow, stock, now).await?;
            served.meter.count(admitted, now);
        }
        Ok(())
    }

    async fn look_at_show(
        &self,
        show: ShowId,
        released: usize,
    ) -> Result<(Stock, Vec<BoughtPass>), Error> {
        let look = move |show: &Show, _, now| {
            let bought = show.bought().get(released..).unwrap_or_default();
            (show.stock(now, SOON), bought.to_vec())
        };
        let shows = &self.core.executors.shows;
        Ok(shows.read(&show.to_string(), look).await?)
    }

    /// Whether the sale has been over for long, and the room is closed.
    async fn wind_up(
        &self,
        show: ShowId,
        served: &mut Served,
        now: DateTime<Utc>,
        is_empty: bool,
    ) -> Result<bool, Error> {
        let since = *served.over_since.get_or_insert(now);
        if !is_empty && now - since < LINGER {
            return Ok(false);
        }
        self.rooms.record(show, Command::Close).await?;
        self.rooms.store().close(show).await?;
        Ok(true)
    }

    /// The places of those who have bought are others'.
    async fn release(
        &self,
        show: ShowId,
        served: &mut Served,
        bought: &[BoughtPass],
    ) -> Result<(), Error> {
        let passes: Vec<_> = bought
            .iter()
            .map(|pass| (pass.customer_id, pass.entry_id))
            .collect();
        for passes in passes.chunks(ADMISSION_BATCH) {
            self.rooms.store().release(show, passes).await?;
        }
        served.released += bought.len();
        Ok(())
    }

    /// Removes the silent, and records the passes that ran out before their places are others'.
    async fn sweep(&self, show: ShowId, now: DateTime<Utc>) -> Result<(), Error> {
        // Who could not be heard was not silent.
        let since = (now - self.heard_since >= SILENCE).then_some(now - SILENCE);
        let store = self.rooms.store();
        let swept = store.sweep(show, since, now, ADMISSION_BATCH).await?;
        if swept.abandoned > 0 {
            metrics::abandoned(swept.abandoned);
            tracing::debug!(show.id = %show, entries = swept.abandoned, "silent entries were given up");
        }
        if swept.expired.is_empty() {
            return Ok(());
        }
        let passes: Vec<(CustomerId, EntryId)> = swept
            .expired
            .iter()
            .map(|pass| (pass.customer_id, pass.entry_id))
            .collect();
        let expire = Command::Expire {
            passes: passes.iter().map(|(_, entry)| *entry).collect(),
        };
        self.rooms.record(show, expire).await?;
        store.release(show, &passes).await?;
        Ok(())
    }

    /// Tells those who wait, once a second, or at once when something changes that they must know.
    async fn tell(
        &self,
        show: ShowId,
        served: &mut Served,
        flow: &Flow,
        stock: Stock,
        is_time: bool,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let notice = Notice {
            rate_milli: served.meter.rate_milli(flow.settings.admit_per_second, now),
            paused: flow.paused,
            sold_out: stock.sold_out,
        };
        let is_news = served
            .told
            .is_none_or(|told| (told.paused, told.sold_out) != (notice.paused, notice.sold_out));
        if is_news || is_time {
            self.rooms.store().publish(show, notice).await?;
            served.told = Some(notice);
        }
        Ok(())
    }

    /// The doors are open: those who were there before them get their places. Begun anew, it goes on where it was.
    async fn draw(&self, show: ShowId, depth: Depth, drawn: Option<Draw>) -> Result<(), Error> {
        let store = self.rooms.store();
        if depth.lobby_open {
            store.close_lobby(show).await?;
        }
        let mut lobby: Vec<Entrant> = Vec::new();
        loop {
            let after = lobby.last().map_or(0, |last| last.number);
            let page = store.lobby(show, after, ADMISSION_BATCH).await?;
            if page.is_empty() {
                break;
            }
            lobby.extend(page);
        }
        let Some(last) = lobby.last() else {
            return Ok(());
        };
        let draw = if let Some(draw) = drawn {
            draw
        } else {
            let seed = self.keys.create_secret(&seed_name(show)).await?;
            let draw = Draw {
                seed: hex::encode(seed.expose()),
                public_value: public_value(&lobby),
                entries: lobby.len() as u64,
                last_number: last.number,
            };
            let command = Command::Draw { draw };
            self.rooms.record(show, command).await?;
            // Another leader's may have come first: what is recorded counts.
            let recorded = self.rooms.read(show, |room| room.draw.clone()).await?;
            recorded.ok_or(Error::None)?
        };
        let dealt: Vec<_> = deal(&draw, &lobby)
            .into_iter()
            .map(|entrant| (entrant.customer_id, entrant.number))
            .collect();
        for dealt in dealt.chunks(ADMISSION_BATCH) {
            store.draw(show, dealt).await?;
        }
        Ok(())
    }

    /// Lets in who is next; how many.
    async fn admit(
        &self,
        show: ShowId,
        flow: &Flow,
        stock: Stock,
        now: DateTime<Utc>,
    ) -> Result<u64, Error> {
        let rate = flow.settings.admit_per_second;
        let limits = Limits {
            admit_per_second: rate,
            max_active: flow.settings.max_active,
            places: stock.places,
            holding: stock.holding,
            batch: ADMISSION_BATCH,
        };
        let store = self.rooms.store();
        let next = store.next(show, &limits, now).await?;
        if next.is_empty() {
            return Ok(0);
        }
        let admit = Command::Admit {
            entrants: next.clone(),
        };
        self.rooms.record(show, admit).await?;
        // The log says until when, also for those whom a leader before this one let in.
        let look = move |room: &WaitingRoom| -> Vec<_> {
            let passes = next.iter().filter_map(|entrant| {
                let pass = room.passes.get(&entrant.entry_id)?;
                Some((pass.expires_at, entrant.customer_id))
            });
            passes.collect()
        };
        let passes = self.rooms.read(show, look).await?;
        let mut admitted = 0;
        for same in passes.chunk_by(|one, other| one.0 == other.0) {
            let customers: Vec<_> = same.iter().map(|(_, customer)| *customer).collect();
            let until = same[0].0;
            admitted += store.admit(show, &customers, rate, until, now).await?;
        }
        Ok(admitted)
    }
}
