//! Collects events from where they lie.

use std::collections::{BTreeMap, BTreeSet};

use domain::ids::{CustomerId, DropId};
use event_store::{EventLog, RecordedEvent, StreamId, log::Naming};
use read_model::{Page, ReadModel};
use serde_json::Value;
use uuid::Uuid;

use super::{
    MAX_EVENTS,
    detail::{names_seat, text_field},
    drops,
};
use crate::error::Error;

/// Events read at a time.
const PAGE: usize = 1_000;
/// Payments that are followed from one seat, reservation or customer.
const MAX_PAYMENTS: usize = 1_000;
/// Shows of one customer.
const MAX_SHOWS: usize = 1_000;
/// Drops that are asked whether a customer has entered, the newest; and streams listed at a time to find them.
const MAX_DROPS: usize = 1_000;
const HEADS: usize = 1_000;
/// Events of a drop read at a time: one may have 200 kilobytes.
const DROP_PAGE: usize = 50;

/// Events of a show that name a reservation, not its seats.
const OF_RESERVATIONS: [&str; 2] = ["HoldExtended", "PaymentAbandoned"];

const SHOW: &str = "show";
const PAYMENT: &str = "payment";
const ACCOUNT: &str = "point_account";
const CUSTOMER: &str = "customer";
const WAITING_ROOM: &str = "waiting_room";
const DROP: &str = "drop";

/// Events, each once, in the order of the log.
pub(super) struct Gathered<'l> {
    log: &'l dyn EventLog,
    events: BTreeMap<u64, RecordedEvent>,
    truncated: bool,
}

impl<'l> Gathered<'l> {
    pub(super) fn new(log: &'l dyn EventLog) -> Self {
        Self {
            log,
            events: BTreeMap::new(),
            truncated: false,
        }
    }

    /// What was collected, and whether something was left out.
    pub(super) fn into_events(self) -> (Vec<RecordedEvent>, bool) {
        (self.events.into_values().collect(), self.truncated)
    }

    pub(super) async fn seat(&mut self, show: Uuid, guid: &str) -> Result<(), Error> {
        let text = Value::String(guid.to_owned()).to_string();
        let stream = stream(SHOW, show);
        let mut reservations = BTreeSet::new();
        let naming = Naming {
            text: &text,
            or_types: &OF_RESERVATIONS,
        };
        self.naming(&stream, &naming, |payload, event| {
            let reservation = text_field(payload, "reservation_id");
            let names = names_seat(payload, guid);
            if names && event.event_type == "SeatsHeld" {
                reservations.extend(reservation.map(ToOwned::to_owned));
            }
            names || reservation.is_some_and(|id| reservations.contains(id))
        })
        .await?;
        self.follow_payments().await
    }

    pub(super) async fn reservation(&mut self, id: Uuid) -> Result<(), Error> {
        let key = id.to_string();
        if let Some(show) = self.log.claim("reservation", &key).await? {
            self.all_naming(&show, &key).await?;
        }
        if let Some(payment) = self.log.claim("live_payment", &key).await? {
            self.stream(&payment).await?;
        }
        self.follow_payments().await
    }

    pub(super) async fn payment(&mut self, id: Uuid) -> Result<(), Error> {
        self.stream(&stream(PAYMENT, id)).await?;
        let request = self.events.values().find_map(|event| {
            let is_request = event.event_type == "PaymentRequested";
            let both = (id_field(event, "show_id")?, id_field(event, "customer_id")?);
            is_request.then_some(both)
        });
        if let Some((show, customer)) = request {
            let key = id.to_string();
            self.all_naming(&stream(SHOW, show), &key).await?;
            self.all_naming(&stream(ACCOUNT, customer), &key).await?;
        }
        Ok(())
    }

    pub(super) async fn customer(&mut self, id: Uuid, model: &dyn ReadModel) -> Result<(), Error> {
        self.stream(&stream(CUSTOMER, id)).await?;
        self.stream(&stream(ACCOUNT, id)).await?;
        let key = id.to_string();
        let mut shows = BTreeSet::new();
        let mut page = Page::new(Some(read_model::MAX_LIMIT), None);
        loop {
            let items = model.reservations_of(CustomerId(id), &page).await?.value;
            shows.extend(items.items.iter().map(|row| row.show_id.0));
            self.truncated |= shows.len() > MAX_SHOWS;
            let Some(cursor) = items.next_cursor.filter(|_| shows.len() <= MAX_SHOWS) else {
                break;
            };
            page = Page::new(Some(read_model::MAX_LIMIT), Some(cursor));
        }
        for show in shows.into_iter().take(MAX_SHOWS) {
            self.all_naming(&stream(SHOW, show), &key).await?;
            self.all_naming(&stream(WAITING_ROOM, show), &key).await?;
        }
        self.entered_drops(id, model).await?;
        self.follow_payments().await
    }

    /// A drop: its whole stream, lists of entrants counted.
    pub(super) async fn fair_drop(&mut self, id: Uuid) -> Result<(), Error> {
        let stream = stream(DROP, id);
        let mut after = 0;
        while !self.is_full() {
            let page = self.log.read_stream(&stream, after, DROP_PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.sequence;
            self.take(short(page, drops::counted));
        }
        Ok(())
    }

    /// What happened to a customer in drops. Which drops there are the log says; the read model, by the entry's id, which of them the
    /// customer entered.
    async fn entered_drops(&mut self, id: Uuid, model: &dyn ReadModel) -> Result<(), Error> {
        for drop in self.drops().await? {
            let entry = drops::entry_id(DropId(drop), CustomerId(id));
            if model.drop_entry(entry).await?.value.is_none() {
                continue;
            }
            let (key, mut after) = (id.to_string(), 0);
            let naming = Naming {
                text: &key,
                or_types: &[],
            };
            let stream = stream(DROP, drop);
            while !self.is_full() {
                let page = self
                    .log
                    .read_stream_naming(&stream, after, &naming, DROP_PAGE);
                let page = page.await?;
                let Some(last) = page.last() else { break };
                after = last.sequence;
                self.take(short(page, |payload| drops::only_customer(payload, id)));
            }
        }
        Ok(())
    }

    /// The newest drops.
    async fn drops(&mut self) -> Result<Vec<Uuid>, Error> {
        let mut after = StreamId::new(DROP, "");
        let mut drops = Vec::new();
        loop {
            let heads = self.log.list_stream_heads(Some(&after), HEADS).await?;
            let own = heads
                .iter()
                .take_while(|(stream, _)| &*stream.aggregate_type == DROP);
            let ids = own.map(|(stream, _)| stream.aggregate_id.parse::<Uuid>().ok());
            let ids: Vec<_> = ids.collect();
            let more = ids.len() == HEADS;
            drops.extend(ids.into_iter().flatten());
            // Ids rise with time.
            let surplus = drops.len().saturating_sub(MAX_DROPS);
            drops.drain(..surplus);
            self.truncated |= surplus > 0;
            match heads.into_iter().last() {
                Some((last, _)) if more => after = last,
                _ => return Ok(drops),
            }
        }
    }

    /// What followed from calling a show off: the call, the places given back, the payments refunded.
    pub(super) async fn winding_up(&mut self, show: Uuid) -> Result<(), Error> {
        let naming = Naming {
            text: "\"show_cancelled\"",
            or_types: &["ShowCancelled"],
        };
        self.naming(&stream(SHOW, show), &naming, |_, _| true)
            .await?;
        if self.events.is_empty() {
            return Ok(());
        }
        self.follow_payments().await
    }

    /// Payments that the events so far name: their own events, and what they did to their accounts.
    async fn follow_payments(&mut self) -> Result<(), Error> {
        let named = |event: &RecordedEvent| match &*event.stream.aggregate_type {
            PAYMENT => Uuid::try_parse(&event.stream.aggregate_id).ok(),
            _ => id_field(event, "payment_id"),
        };
        let payments: BTreeSet<_> = self.events.values().filter_map(named).collect();
        self.truncated |= payments.len() > MAX_PAYMENTS;
        for id in payments.into_iter().take(MAX_PAYMENTS) {
            let payment = stream(PAYMENT, id);
            self.stream(&payment).await?;
            let mut own = self.events.values().filter(|event| event.stream == payment);
            let customer = own.find_map(|event| id_field(event, "customer_id"));
            if let Some(customer) = customer {
                self.all_naming(&stream(ACCOUNT, customer), &id.to_string())
                    .await?;
            }
        }
        Ok(())
    }

    /// A whole stream.
    async fn stream(&mut self, stream: &StreamId) -> Result<(), Error> {
        let mut after = 0;
        while !self.is_full() {
            let page = self.log.read_stream(stream, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.sequence;
            self.take(page);
        }
        Ok(())
    }

    /// The events of a stream that name an id.
    async fn all_naming(&mut self, stream: &StreamId, id: &str) -> Result<(), Error> {
        let naming = Naming {
            text: id,
            or_types: &[],
        };
        self.naming(stream, &naming, |_, _| true).await
    }

    /// The events of a stream that `naming` asks for and `keep` wants.
    async fn naming(
        &mut self,
        stream: &StreamId,
        naming: &Naming<'_>,
        mut keep: impl FnMut(&Value, &RecordedEvent) -> bool + Send,
    ) -> Result<(), Error> {
        let mut after = 0;
        while !self.is_full() {
            let page = self.log.read_stream_naming(stream, after, naming, PAGE);
            let mut page = page.await?;
            let Some(last) = page.last() else { break };
            after = last.sequence;
            page.retain(|event| {
                let payload = serde_json::from_str(&event.payload).unwrap_or_default();
                keep(&payload, event)
            });
            self.take(page);
        }
        Ok(())
    }

    fn take(&mut self, page: Vec<RecordedEvent>) {
        for event in page {
            self.events.insert(event.position.0, event);
        }
    }

    /// Whether no more are taken.
    fn is_full(&mut self) -> bool {
        let full = self.events.len() >= MAX_EVENTS;
        self.truncated |= full;
        full
    }
}

/// Events with shorter payloads. What is no JSON stays as it is.
fn short(page: Vec<RecordedEvent>, cut: impl Fn(Value) -> Value) -> Vec<RecordedEvent> {
    let each = page.into_iter().map(|mut event| {
        if let Ok(payload) = serde_json::from_str(&event.payload) {
            event.payload = cut(payload).to_string();
        }
        event
    });
    each.collect()
}

fn stream(kind: &str, id: Uuid) -> StreamId {
    StreamId::new(kind, id.to_string())
}

/// A field of an event, where it is an id.
fn id_field(event: &RecordedEvent, name: &str) -> Option<Uuid> {
    let payload: Value = serde_json::from_str(&event.payload).ok()?;
    Uuid::try_parse(text_field(&payload, name)?).ok()
}
