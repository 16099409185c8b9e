//! ADAPTER: waiting rooms in Redis, shared by all command APIs and the leader that lets customers in.
//!
//! Every transition is one script, so it happens whole or not at all, and no other comes in between. The keys of one show share a hash tag:
//! they are on one server of a cluster. Each call names the server's run id as it was when the connection was made, and the scripts compare
//! it with the one that opened the room: a server that was started again, with its data or without, knows no room until it is opened anew.

mod connection;
mod replies;
mod scripts;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{
    ids::{CustomerId, EntryId, ShowId},
    waiting_room::Entrant,
};
use uuid::Uuid;

use self::{
    connection::Connector,
    replies::Reply,
    scripts::{Arguments, Call},
};
use super::{Depth, Entered, Error, Limits, Notice, Opening, Place, Standing, Swept, WaitingRoom};

/// Waiting rooms on a Redis server.
#[derive(Debug)]
pub struct RedisWaitingRoom {
    connector: Connector,
}

impl RedisWaitingRoom {
    /// On the server at `url`, which is asked for at the first call.
    ///
    /// # Errors
    /// [`Error::Refused`] for a URL that can't be read.
    pub fn new(url: &str) -> Result<Self, Error> {
        Ok(Self {
            connector: Connector::new(url)?,
        })
    }

    /// Connects, so that a server that can't be used is told of before the first customer comes; it is no reason not to start.
    pub(super) async fn greet(&self) {
        drop(self.connector.live().await);
    }

    async fn call(
        &self,
        call: Call,
        show: ShowId,
        now: Option<DateTime<Utc>>,
        arguments: Arguments,
    ) -> Result<Reply, Error> {
        let live = self.connector.live().await?;
        let answered = scripts::run(&live, call, show, now, arguments).await;
        match answered {
            Ok(reply) => reply.or_refused(),
            Err(error) => Err(self.connector.failed(&live, &error).await),
        }
    }
}

/// A customer as Redis keeps it: 32 hexadecimal digits.
fn text(id: Uuid) -> String {
    id.simple().to_string()
}

fn flag(is_set: bool) -> String {
    if is_set { "1" } else { "0" }.to_owned()
}

fn micros(at: DateTime<Utc>) -> String {
    at.timestamp_micros().to_string()
}

#[async_trait]
impl WaitingRoom for RedisWaitingRoom {
    async fn open(&self, show: ShowId, opening: &Opening) -> Result<(), Error> {
        let mut arguments = vec![
            opening.first.to_string(),
            opening.last.to_string(),
            micros(opening.opens_at),
            flag(opening.lobby_open),
            opening
                .recovers_until
                .map_or_else(|| "0".to_owned(), micros),
        ];
        for (entrant, expires_at) in &opening.active {
            arguments.extend([
                text(entrant.customer_id.0),
                text(entrant.entry_id.0),
                entrant.number.to_string(),
                micros(*expires_at),
            ]);
        }
        self.call(Call::Open, show, None, arguments).await?.done()?;
        Ok(())
    }

    async fn grant(&self, show: ShowId, first: u64, last: u64) -> Result<(), Error> {
        let arguments = vec![first.to_string(), last.to_string()];
        let reply = self.call(Call::Grant, show, None, arguments).await?;
        reply.done().map(|_| ())
    }

    async fn enter(
        &self,
        show: ShowId,
        customer: CustomerId,
        entry: EntryId,
        now: DateTime<Utc>,
    ) -> Result<Entered, Error> {
        let arguments = vec![text(customer.0), text(entry.0)];
        let reply = self.call(Call::Enter, show, Some(now), arguments).await?;
        let standing = reply.standing()?;
        Ok(if reply.is("new") {
            Entered::New(standing)
        } else {
            Entered::Already(standing)
        })
    }

    async fn restore(
        &self,
        show: ShowId,
        place: &Place,
        now: DateTime<Utc>,
    ) -> Result<Standing, Error> {
        let arguments = vec![
            text(place.entrant.customer_id.0),
            text(place.entrant.entry_id.0),
            place.entrant.number.to_string(),
            place.order.0.to_string(),
            flag(place.early),
        ];
        let reply = self.call(Call::Restore, show, Some(now), arguments).await?;
        reply.standing()
    }

    async fn look(
        &self,
        show: ShowId,
        customer: CustomerId,
        now: DateTime<Utc>,
    ) -> Result<Option<Standing>, Error> {
        let arguments = vec![text(customer.0)];
        let reply = self.call(Call::Look, show, Some(now), arguments).await?;
        if reply.is("unknown") {
            return Ok(None);
        }
        reply.standing().map(Some)
    }

    async fn release(&self, show: ShowId, entries: &[(CustomerId, EntryId)]) -> Result<u64, Error> {
        let pairs = entries.iter();
        let arguments = pairs.flat_map(|(customer, entry)| [text(customer.0), text(entry.0)]);
        let arguments = arguments.collect();
        self.call(Call::Release, show, None, arguments)
            .await?
            .done()
    }

    async fn depth(&self, show: ShowId, now: DateTime<Utc>) -> Result<Depth, Error> {
        let reply = self.call(Call::Depth, show, Some(now), Vec::new()).await?;
        reply.depth()
    }

    async fn publish(&self, show: ShowId, notice: Notice) -> Result<(), Error> {
        let arguments = vec![
            notice.rate_milli.to_string(),
            flag(notice.paused),
            flag(notice.sold_out),
        ];
        let reply = self.call(Call::Publish, show, None, arguments).await?;
        reply.done().map(|_| ())
    }

    async fn close_lobby(&self, show: ShowId) -> Result<(), Error> {
        let reply = self.call(Call::CloseLobby, show, None, Vec::new()).await?;
        reply.done().map(|_| ())
    }

    async fn lobby(&self, show: ShowId, after: u64, limit: usize) -> Result<Vec<Entrant>, Error> {
        let arguments = vec![after.to_string(), limit.to_string()];
        let reply = self.call(Call::Lobby, show, None, arguments).await?;
        reply.entrants(1)
    }

    async fn draw(&self, show: ShowId, drawn: &[(CustomerId, u64)]) -> Result<(), Error> {
        let pairs = drawn.iter();
        let arguments = pairs.flat_map(|(customer, number)| [text(customer.0), number.to_string()]);
        let arguments = arguments.collect();
        let reply = self.call(Call::Draw, show, None, arguments).await?;
        reply.done().map(|_| ())
    }

    async fn next(
        &self,
        show: ShowId,
        limits: &Limits,
        now: DateTime<Utc>,
    ) -> Result<Vec<Entrant>, Error> {
        let arguments = vec![
            limits.admit_per_second.to_string(),
            limits.max_active.to_string(),
            limits.places.to_string(),
            limits.holding.to_string(),
            limits.batch.to_string(),
        ];
        let reply = self.call(Call::Next, show, Some(now), arguments).await?;
        reply.entrants(1)
    }

    async fn admit(
        &self,
        show: ShowId,
        customers: &[CustomerId],
        admit_per_second: u32,
        expires_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<u64, Error> {
        let mut arguments = vec![admit_per_second.to_string(), micros(expires_at)];
        arguments.extend(customers.iter().map(|customer| text(customer.0)));
        let reply = self.call(Call::Admit, show, Some(now), arguments).await?;
        reply.done()
    }

    async fn sweep(
        &self,
        show: ShowId,
        silent_since: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Swept, Error> {
        let since = silent_since.map_or_else(|| "-1".to_owned(), micros);
        let arguments = vec![since, limit.to_string()];
        let reply = self.call(Call::Sweep, show, Some(now), arguments).await?;
        Ok(Swept {
            abandoned: reply.number(1)?,
            expired: reply.entrants(2)?,
        })
    }

    async fn close(&self, show: ShowId) -> Result<(), Error> {
        let reply = self.call(Call::Close, show, None, Vec::new()).await?;
        reply.done().map(|_| ())
    }

    async fn ping(&self) -> Result<(), Error> {
        let live = self.connector.live().await?;
        match live.ping().await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.connector.failed(&live, &error).await),
        }
    }
}

#[cfg(test)]
mod tests;
