//! Records in, events out: what other programs ask for by writing to Kafka instead of over HTTP.

mod drop_entries;
mod entering;
#[cfg(test)]
mod tests;

pub use self::drop_entries::{
    DropEntries, ENTRY_REQUESTED, EnterDrop, EntryRequest, GROUP, MAX_REQUEST_BYTES, TOPIC,
    entry_example, entry_schema,
};
