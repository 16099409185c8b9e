//! A record of the topic: `CloudEvents` 1.0 in Kafka's binary mode, with all that it takes to rebuild the event exactly.
//!
//! ```text
//!  key      routing key                      value   the payload, byte for byte
//!  headers  ce_specversion ce_id ce_type ce_source ce_subject ce_time content-type
//!           position epoch prev_position acknowledged
//!           shard sequence command_id aggregate_type aggregate_id event_type event_version metadata
//! ```
//!
//! A *watermark* has no key and no value, the type [`WATERMARK`], and only the second line of headers.

use chrono::{DateTime, SecondsFormat, Utc};
use rdkafka::{
    Message,
    message::{Header, Headers, OwnedHeaders},
};
use uuid::Uuid;

use crate::{
    bus::{Error, type_of},
    log::{Position, RecordedEvent, StreamId},
};

/// `ce_type` of a record that carries no event: everything up to its position that belongs to the partition was sent before it.
pub const WATERMARK: &str = "frontrow.watermark";

/// Headers of a record that carries an event, at most.
const HEADERS: usize = 20;

/// Where a record stands in what its relay sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sent {
    /// Position in the log; of a watermark, what it covers.
    pub(crate) position: Position,
    /// Epoch of the event at `position`.
    pub(crate) epoch: u64,
    /// What was sent to the same partition before it.
    pub(crate) prev_position: Position,
    /// Up to here, everything was acknowledged by the brokers before this was sent, the second records included.
    pub(crate) acknowledged: Position,
}

/// A record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) partition: u32,
    pub(crate) offset: i64,
    pub(crate) sent: Sent,
    /// The id of the event at the record's position. A watermark names it too, although it may belong to another partition.
    pub(crate) event_id: Uuid,
    /// `None`: a watermark.
    pub(crate) event: Option<RecordedEvent>,
}

/// The headers of an event's record.
pub(crate) fn event_headers(source: &str, event: &RecordedEvent, sent: Sent) -> OwnedHeaders {
    let stream = &event.stream;
    let time = event
        .recorded_at
        .to_rfc3339_opts(SecondsFormat::Micros, true);
    let kind = type_of(&stream.aggregate_type, &event.event_type);
    let headers = OwnedHeaders::new_with_capacity(HEADERS);
    let headers = [
        ("ce_specversion", "1.0"),
        ("ce_id", &id(event.event_id)),
        ("ce_type", &kind),
        ("ce_source", source),
        ("ce_subject", &stream.to_string()),
        ("ce_time", &time),
        ("content-type", "application/json"),
        ("shard", &event.shard.to_string()),
        ("sequence", &event.sequence.to_string()),
        ("command_id", &id(event.command_id)),
        ("aggregate_type", &stream.aggregate_type),
        ("aggregate_id", &stream.aggregate_id),
        ("event_type", &event.event_type),
        ("event_version", &event.event_version),
        ("metadata", &event.metadata),
    ]
    .into_iter()
    .fold(headers, insert);
    place(headers, sent)
}

/// The headers of a watermark; `event_id` is that of the event at its position.
pub(crate) fn watermark_headers(source: &str, event_id: Uuid, sent: Sent) -> OwnedHeaders {
    let headers = OwnedHeaders::new_with_capacity(HEADERS);
    let headers = [
        ("ce_specversion", "1.0"),
        ("ce_id", id(event_id).as_str()),
        ("ce_type", WATERMARK),
        ("ce_source", source),
    ]
    .into_iter()
    .fold(headers, insert);
    place(headers, sent)
}

fn place(headers: OwnedHeaders, sent: Sent) -> OwnedHeaders {
    [
        ("position", sent.position.to_string()),
        ("epoch", sent.epoch.to_string()),
        ("prev_position", sent.prev_position.to_string()),
        ("acknowledged", sent.acknowledged.to_string()),
    ]
    .iter()
    .fold(headers, |headers, (key, value)| {
        insert(headers, (key, value))
    })
}

pub(super) fn insert(headers: OwnedHeaders, (key, value): (&str, &str)) -> OwnedHeaders {
    headers.insert(Header {
        key,
        value: Some(value),
    })
}

fn id(id: Uuid) -> String {
    id.hyphenated().to_string()
}

/// Reads a record back.
///
/// # Errors
/// [`Error::Corrupt`] for a record that no relay wrote.
pub(crate) fn decode(message: &impl Message) -> Result<Record, Error> {
    let (partition, offset) = (message.partition(), message.offset());
    read(message).map_err(|wrong| {
        Error::Corrupt(format!(
            "the record at offset {offset} of partition {partition} of {} was not written by a relay: {wrong}",
            message.topic()
        ))
    })
}

fn read(message: &impl Message) -> Result<Record, String> {
    let fields = Fields::of(message)?;
    let sent = Sent {
        position: Position(number("position", fields.position)?),
        epoch: number("epoch", fields.epoch)?,
        prev_position: Position(number("prev_position", fields.prev_position)?),
        acknowledged: Position(number("acknowledged", fields.acknowledged)?),
    };
    let event_id = uuid("ce_id", fields.id)?;
    let event = match some("ce_type", fields.kind)? {
        WATERMARK => None,
        _ => Some(event(message, &fields, sent, event_id)?),
    };
    Ok(Record {
        partition: u32::try_from(message.partition()).map_err(|error| error.to_string())?,
        offset: message.offset(),
        sent,
        event_id,
        event,
    })
}

fn event(
    message: &impl Message,
    fields: &Fields<'_>,
    sent: Sent,
    event_id: Uuid,
) -> Result<RecordedEvent, String> {
    let own = |name, value| some(name, value).map(str::to_owned);
    let time = some("ce_time", fields.time)?;
    Ok(RecordedEvent {
        position: sent.position,
        shard: number("shard", fields.shard)?,
        epoch: sent.epoch,
        stream: StreamId::new(
            some("aggregate_type", fields.aggregate_type)?,
            some("aggregate_id", fields.aggregate_id)?,
        ),
        sequence: number("sequence", fields.sequence)?,
        event_id,
        command_id: uuid("command_id", fields.command_id)?,
        routing_key: text("the key", message.key().unwrap_or_default())?.to_owned(),
        event_type: own("event_type", fields.event_type)?,
        event_version: own("event_version", fields.event_version)?,
        payload: text("the value", message.payload().unwrap_or_default())?.to_owned(),
        metadata: own("metadata", fields.metadata)?,
        recorded_at: DateTime::parse_from_rfc3339(time)
            .map_err(|error| format!("ce_time is {time:?}: {error}"))?
            .with_timezone(&Utc),
    })
}

/// The headers that are read; others are left to whoever wrote them.
#[derive(Default)]
struct Fields<'a> {
    id: Option<&'a str>,
    kind: Option<&'a str>,
    time: Option<&'a str>,
    position: Option<&'a str>,
    epoch: Option<&'a str>,
    prev_position: Option<&'a str>,
    acknowledged: Option<&'a str>,
    shard: Option<&'a str>,
    sequence: Option<&'a str>,
    command_id: Option<&'a str>,
    aggregate_type: Option<&'a str>,
    aggregate_id: Option<&'a str>,
    event_type: Option<&'a str>,
    event_version: Option<&'a str>,
    metadata: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn of(message: &'a impl Message) -> Result<Self, String> {
        let mut fields = Self::default();
        let headers = message.headers().ok_or("it has no headers")?;
        for header in headers.iter() {
            let field = match header.key {
                "ce_id" => &mut fields.id,
                "ce_type" => &mut fields.kind,
                "ce_time" => &mut fields.time,
                "position" => &mut fields.position,
                "epoch" => &mut fields.epoch,
                "prev_position" => &mut fields.prev_position,
                "acknowledged" => &mut fields.acknowledged,
                "shard" => &mut fields.shard,
                "sequence" => &mut fields.sequence,
                "command_id" => &mut fields.command_id,
                "aggregate_type" => &mut fields.aggregate_type,
                "aggregate_id" => &mut fields.aggregate_id,
                "event_type" => &mut fields.event_type,
                "event_version" => &mut fields.event_version,
                "metadata" => &mut fields.metadata,
                _ => continue,
            };
            *field = header
                .value
                .map(|value| text(header.key, value))
                .transpose()?;
        }
        Ok(fields)
    }
}

fn some<'a>(name: &str, value: Option<&'a str>) -> Result<&'a str, String> {
    value.ok_or_else(|| format!("{name} is missing"))
}

fn number<T: std::str::FromStr>(name: &str, value: Option<&str>) -> Result<T, String> {
    let value = some(name, value)?;
    value
        .parse()
        .map_err(|_| format!("{name} is {value:?}, not a number in range"))
}

fn uuid(name: &str, value: Option<&str>) -> Result<Uuid, String> {
    let value = some(name, value)?;
    value
        .parse()
        .map_err(|_| format!("{name} is {value:?}, not a UUID"))
}

fn text<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, String> {
    std::str::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8"))
}
