//! A record of an inbox, as it was read.

use std::fmt;

use rdkafka::{Message, message::Headers};
use uuid::{Uuid, uuid};

/// Namespace of the ids of records; permanent.
const RECORDS: Uuid = uuid!("6f1a3c1e-52b1-5d0a-9a35-0f5c9b5c7e03");

/// What others wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where.
    pub topic: String,
    /// Where in the topic.
    pub partition: i32,
    /// Where in the partition.
    pub offset: i64,
    /// When, in milliseconds since 1970, by its producer's or the broker's clock.
    pub timestamp_ms: i64,
    /// What keeps it in order with others.
    pub key: Option<Vec<u8>>,
    /// Name and value, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// What it says.
    pub payload: Vec<u8>,
}

impl Record {
    pub(super) fn of(message: &impl Message) -> Self {
        let headers = message.headers().into_iter().flat_map(|all| all.iter());
        let headers = headers.map(|header| {
            let value = header.value.unwrap_or_default();
            (header.key.to_owned(), value.to_owned())
        });
        Self {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
            timestamp_ms: message.timestamp().to_millis().unwrap_or_default(),
            key: message.key().map(<[u8]>::to_vec),
            headers: headers.collect(),
            payload: message.payload().unwrap_or_default().to_vec(),
        }
    }

    /// A header's text; `None` where it is missing or none.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(key, _)| key == name)?;
        std::str::from_utf8(value).ok()
    }

    /// The same for each copy of a record: of a `CloudEvent`, its `ce_source` and `ce_id`, which a producer repeats when it sends it again;
    /// else the record's place. The time belongs to the place, since offsets begin anew when a topic is made anew.
    pub fn id(&self) -> Uuid {
        let name = match (self.header("ce_source"), self.header("ce_id")) {
            (Some(source), Some(id)) => format!("event {} {source} {id}", source.len()),
            _ => format!(
                "place {} {} {} {}",
                self.topic, self.partition, self.offset, self.timestamp_ms
            ),
        };
        Uuid::new_v5(&RECORDS, name.as_bytes())
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            topic,
            partition,
            offset,
            ..
        } = self;
        write!(f, "offset {offset} of partition {partition} of {topic}")
    }
}
