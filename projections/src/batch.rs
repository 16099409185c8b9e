//! A batch: what the deliveries of several partitions hold, decoded.

use std::collections::BTreeMap;

use event_store::{
    RecordedEvent,
    bus::{Cursor, Delivery},
};

use crate::{Error, Event, chain};

/// An event as it came, and as projections see it; or what is wrong with it. One that is damaged is a matter of its routing key alone.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) stored: RecordedEvent,
    pub(crate) event: Result<Event, String>,
}

/// The events of one partition, in order.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) events: Vec<Arrived>,
    /// Where the partition stands once they are folded.
    pub(crate) cursor: Cursor,
}

/// Some deliveries, joined by partition.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) parts: BTreeMap<u32, Part>,
    /// Why some partition ends before its deliveries do: an event that a newer release wrote.
    pub(crate) cut: Option<Error>,
}

impl Batch {
    /// Decodes deliveries. Where an event needs a newer release, its partition ends right before it.
    pub(crate) fn of(deliveries: Vec<Delivery>, stands: &[Cursor]) -> Self {
        let mut batch = Self::default();
        let mut closed = Vec::new();
        for delivery in deliveries {
            let partition = delivery.cursor.partition;
            if closed.contains(&partition) {
                continue;
            }
            let start = || {
                let stand = stands.iter().find(|cursor| cursor.partition == partition);
                Part {
                    cursor: stand.copied().unwrap_or(Cursor {
                        partition,
                        ..Cursor::default()
                    }),
                    ..Part::default()
                }
            };
            let part = batch.parts.entry(partition).or_insert_with(start);
            if let Err(error) = part.add(delivery) {
                closed.push(partition);
                batch.cut.get_or_insert(error);
            }
        }
        batch
    }

    pub(crate) fn events(&self) -> usize {
        self.parts.values().map(|part| part.events.len()).sum()
    }
}

impl Part {
    fn add(&mut self, delivery: Delivery) -> Result<(), Error> {
        for stored in delivery.events {
            let event = match Event::decode(&stored) {
                Ok(event) => Ok(event),
                Err(error) if error.is_of_one_key() => Err(chain(&error)),
                Err(error) => return Err(error),
            };
            // The transport's own place does not move within a delivery.
            self.cursor.position = stored.position;
            self.cursor.epoch = stored.epoch;
            self.events.push(Arrived { stored, event });
        }
        self.cursor = delivery.cursor;
        Ok(())
    }
}
