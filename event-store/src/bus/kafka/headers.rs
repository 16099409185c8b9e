//! The headers of records, described: for those who read topics with programs of their own. Values are text, as UTF-8.

/// What a header's text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Always this.
    Always(&'static str),
    /// Any text.
    Text,
    /// A UUID, hyphenated, in lower case.
    Uuid,
    /// A whole number from 0, decimal.
    Number,
    /// An instant in UTC: RFC 3339 with microseconds.
    Instant,
    /// A JSON object of strings.
    Strings,
}

/// Which records have a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// Every record of a relay.
    Every,
    /// Those that carry an event.
    Event,
    /// Letters about an event that a consumer could not take, and about a record that an inbox did not carry out.
    DeadLetter,
    /// Letters about a record that an inbox did not carry out.
    Refused,
}

/// One header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Described {
    /// Its key.
    pub name: &'static str,
    /// What its value is.
    pub form: Form,
    /// Where it is.
    pub on: On,
    /// What it means.
    pub description: &'static str,
}

const fn header(name: &'static str, form: Form, on: On, description: &'static str) -> Described {
    Described {
        name,
        form,
        on,
        description,
    }
}

/// Every header, in the order in which it is written.
pub const ALL: [Described; 26] = [
    header(
        "ce_specversion",
        Form::Always("1.0"),
        On::Every,
        "Version of CloudEvents.",
    ),
    header(
        "ce_id",
        Form::Uuid,
        On::Every,
        "The event's id: the same on each topic and for each copy. On a watermark, that of the event at its position.",
    ),
    header(
        "ce_type",
        Form::Text,
        On::Every,
        "What happened: `frontrow.<aggregate type>.<event type>`, or `frontrow.watermark`.",
    ),
    header(
        "ce_source",
        Form::Text,
        On::Every,
        "The system that the record comes from.",
    ),
    header(
        "ce_subject",
        Form::Text,
        On::Event,
        "The stream: aggregate type and id.",
    ),
    header(
        "ce_time",
        Form::Instant,
        On::Event,
        "When the event was recorded.",
    ),
    header(
        "content-type",
        Form::Always("application/json"),
        On::Event,
        "Of the value.",
    ),
    header("shard", Form::Number, On::Event, "Shard of the log."),
    header(
        "sequence",
        Form::Number,
        On::Event,
        "The event's place in its stream, from 1.",
    ),
    header(
        "command_id",
        Form::Uuid,
        On::Event,
        "The command that brought the event about.",
    ),
    header(
        "aggregate_type",
        Form::Text,
        On::Event,
        "Kind of the stream.",
    ),
    header("aggregate_id", Form::Text, On::Event, "Id of the stream."),
    header(
        "event_type",
        Form::Text,
        On::Event,
        "Kind of the event, as its value's one member is named.",
    ),
    header(
        "event_version",
        Form::Text,
        On::Event,
        "Version of the event's schema.",
    ),
    header(
        "metadata",
        Form::Strings,
        On::Event,
        "Who acted (`actor`), in which request (`correlation_id`), because of which command (`causation_id`), in which trace (`traceparent`).",
    ),
    header(
        "position",
        Form::Number,
        On::Every,
        "The event's place in the log, from 1, without gaps. On a watermark: everything up to here that belongs to the partition was sent before it.",
    ),
    header(
        "epoch",
        Form::Number,
        On::Every,
        "Raised when the log's server changes after a failure: an older one is history that was cut off.",
    ),
    header(
        "prev_position",
        Form::Number,
        On::Every,
        "What the relay sent before it to the same partition of the log's topic, a watermark included. Of use on that topic alone.",
    ),
    header(
        "acknowledged",
        Form::Number,
        On::Every,
        "Up to here, the brokers had acknowledged everything on every topic before this was sent.",
    ),
    header(
        "dead_consumer",
        Form::Text,
        On::DeadLetter,
        "Who could not take the record.",
    ),
    header(
        "dead_reason",
        Form::Text,
        On::DeadLetter,
        "Why, for people.",
    ),
    header("dead_code", Form::Text, On::Refused, "Why: a stable code."),
    header(
        "dead_topic",
        Form::Text,
        On::Refused,
        "Topic of the record.",
    ),
    header(
        "dead_partition",
        Form::Number,
        On::Refused,
        "Its partition.",
    ),
    header("dead_offset", Form::Number, On::Refused, "Its offset."),
    header(
        "dead_value_bytes",
        Form::Number,
        On::Refused,
        "Length of its value, of which the letter keeps at most 64 KiB.",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rdkafka::message::Headers;
    use uuid::Uuid;

    use super::*;
    use crate::{
        bus::kafka::record::{Sent, event_headers, watermark_headers},
        log::{Position, RecordedEvent, StreamId},
    };

    fn described(wanted: &[On]) -> BTreeSet<&'static str> {
        let described = ALL.iter().filter(|header| wanted.contains(&header.on));
        described.map(|header| header.name).collect()
    }

    #[test]
    fn what_is_written_is_described() {
        let event = RecordedEvent {
            position: Position(7),
            shard: 0,
            epoch: 1,
            stream: StreamId::new("show", "x"),
            sequence: 1,
            event_id: Uuid::nil(),
            command_id: Uuid::nil(),
            routing_key: "x".to_owned(),
            event_type: "SeatsHeld".to_owned(),
            event_version: "1".to_owned(),
            payload: "{}".to_owned(),
            metadata: "{}".to_owned(),
            recorded_at: chrono::DateTime::UNIX_EPOCH,
        };
        let written = event_headers("frontrow", &event, Sent::default());
        let names: BTreeSet<_> = written.iter().map(|header| header.key).collect();
        assert_eq!(names, described(&[On::Every, On::Event]));
        let written = watermark_headers("frontrow", Uuid::nil(), Sent::default());
        let names: BTreeSet<_> = written.iter().map(|header| header.key).collect();
        assert_eq!(names, described(&[On::Every]));
    }
}
