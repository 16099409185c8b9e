//! Pages of the log, as it is stored.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use event_store::{EventLog, Position, RecordedEvent, StreamId};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{error::Error, verify::KINDS};

/// Most events of a page.
pub const MAX_LIMIT: usize = 1_000;
/// Bytes of payloads after which a page ends: an event may have half a megabyte.
const MAX_BYTES: usize = 4 << 20;
/// Events read at a time.
const PAGE: usize = 100;
/// Events that one call looks through for those of a type: some 50 ms.
const MAX_SCANNED: usize = 10_000;

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of streams of this kind.
    pub aggregate_type: Option<String>,
    /// Of streams with this id.
    pub aggregate_id: Option<String>,
}

/// An event, as it is stored.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StoredEvent {
    /// Place in the log.
    pub position: u64,
    /// Raised whenever the log's history may have been cut.
    pub epoch: u64,
    /// Kind of its stream.
    pub aggregate_type: String,
    /// Id of its stream.
    pub aggregate_id: String,
    /// Place in its stream.
    pub sequence: u64,
    /// Unique in the log.
    pub event_id: Uuid,
    /// The command that brought it about.
    pub command_id: Uuid,
    /// What the bus keeps order by.
    pub routing_key: String,
    /// Name of the event.
    pub event_type: String,
    /// Version of its form.
    pub event_version: String,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// Who brought it about, in which trace: byte for byte.
    #[schema(value_type = Object)]
    pub metadata: Box<RawValue>,
    /// What it says: byte for byte.
    #[schema(value_type = Object)]
    pub payload: Box<RawValue>,
}

/// A page of the log.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventsPage {
    /// Where the log ended.
    pub position: u64,
    /// Events, in order.
    pub items: Vec<StoredEvent>,
    /// `after` of the next page; `null` at the end of the log. A page may have fewer items than asked for, even none, and a next one.
    pub next_cursor: Option<String>,
}

/// The events behind position `after` that pass the filter, at most `limit`.
///
/// # Errors
/// The log can't be read.
pub async fn page(
    log: &dyn EventLog,
    filter: &Filter,
    after: u64,
    limit: usize,
) -> Result<EventsPage, Error> {
    let head = log.head().await?.position.0;
    let limit = limit.clamp(1, MAX_LIMIT);
    let (events, next) = match (&filter.aggregate_type, &filter.aggregate_id) {
        (kind, Some(id)) => {
            let kinds = match kind {
                Some(kind) => vec![kind.as_str()],
                None => KINDS.to_vec(),
            };
            let streams: Vec<_> = kinds
                .into_iter()
                .map(|kind| StreamId::new(kind, id.as_str()))
                .collect();
            of_streams(log, &streams, after, limit).await?
        }
        (Some(kind), None) => of_log(log, Some(kind), after, limit, head).await?,
        (None, None) => of_log(log, None, after, limit, head).await?,
    };
    Ok(EventsPage {
        position: head,
        items: events.into_iter().map(stored).collect(),
        next_cursor: next.map(|position| position.to_string()),
    })
}

/// Events, and where to go on.
type Found = (Vec<RecordedEvent>, Option<u64>);

async fn of_log(
    log: &dyn EventLog,
    kind: Option<&String>,
    after: u64,
    limit: usize,
    head: u64,
) -> Result<Found, Error> {
    let (mut found, mut at, mut bytes, mut scanned) = (Vec::new(), after, 0, 0);
    while at < head && scanned < MAX_SCANNED {
        let page = log.read_all(Position(at), PAGE).await?;
        if page.is_empty() {
            return Ok((found, None));
        }
        for event in page {
            at = event.position.0;
            scanned += 1;
            if kind.is_none_or(|kind| **kind == *event.stream.aggregate_type) {
                bytes += event.payload.len();
                found.push(event);
            }
            if found.len() == limit || bytes > MAX_BYTES {
                return Ok((found, (at < head).then_some(at)));
            }
        }
    }
    Ok((found, (at < head).then_some(at)))
}

async fn of_streams(
    log: &dyn EventLog,
    streams: &[StreamId],
    after: u64,
    limit: usize,
) -> Result<Found, Error> {
    let mut merged: BTreeMap<u64, RecordedEvent> = BTreeMap::new();
    let mut until = None;
    let heads = log.stream_heads(streams).await?;
    for (stream, head) in streams.iter().zip(heads) {
        let Some(head) = head.filter(|head| head.position.0 > after) else {
            continue;
        };
        let mut sequence = sequence_at(log, stream, head.version, after).await?;
        let (mut taken, mut bytes) = (0, 0);
        while taken <= limit && bytes <= MAX_BYTES {
            let page = log.read_stream(stream, sequence, PAGE).await?;
            let Some(last) = page.last() else { break };
            sequence = last.sequence;
            for event in page {
                taken += 1;
                bytes += event.payload.len();
                merged.insert(event.position.0, event);
            }
        }
        // Where this stream was cut, the others are not told beyond.
        if sequence < head.version {
            let mut own = merged.values().rev();
            let end = own.find(|event| event.stream == *stream);
            let end = end.map_or(after, |event| event.position.0);
            until = Some(until.map_or(end, |until: u64| until.min(end)));
        }
    }
    if let Some(until) = until {
        merged.split_off(&(until + 1));
    }
    let (mut found, mut bytes) = (Vec::new(), 0);
    let total = merged.len();
    for event in merged.into_values() {
        bytes += event.payload.len();
        found.push(event);
        if found.len() == limit || bytes > MAX_BYTES {
            break;
        }
    }
    let more = found.len() < total || until.is_some();
    let last = found.last().map(|event| event.position.0);
    Ok((found, last.filter(|_| more)))
}

/// How many events of a stream stand at or before a position: found by halving, for positions rise with sequences.
async fn sequence_at(
    log: &dyn EventLog,
    stream: &StreamId,
    version: u64,
    position: u64,
) -> Result<u64, Error> {
    let (mut low, mut high) = (0, if position == 0 { 0 } else { version });
    while low < high {
        let middle = low + (high - low) / 2;
        let event = log.read_stream(stream, middle, 1).await?;
        match event.first() {
            Some(event) if event.position.0 <= position => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

fn stored(event: RecordedEvent) -> StoredEvent {
    StoredEvent {
        position: event.position.0,
        epoch: event.epoch,
        aggregate_type: event.stream.aggregate_type.to_string(),
        aggregate_id: event.stream.aggregate_id.to_string(),
        sequence: event.sequence,
        event_id: event.event_id,
        command_id: event.command_id,
        routing_key: event.routing_key,
        event_type: event.event_type,
        event_version: event.event_version,
        recorded_at: event.recorded_at,
        metadata: raw(event.metadata),
        payload: raw(event.payload),
    }
}

/// JSON as it is stored; what is none, as a text.
fn raw(text: String) -> Box<RawValue> {
    RawValue::from_string(text).unwrap_or_else(|_| {
        let text = "\"not JSON: see the log itself\"".to_owned();
        RawValue::from_string(text).expect("a quoted text is JSON")
    })
}
