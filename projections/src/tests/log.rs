//! The log behind a [`TestBus`]: what was published on it, to be read.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use event_store::{
    EventLog, Position, RecordedEvent, StreamId,
    claims::Claim,
    commands::KnownCommand,
    log::{Append, Error, Head, Outcome, StreamHead},
    snapshot::Snapshot,
    timers::Due,
};
use tokio::sync::watch;
use uuid::Uuid;

use super::bus::TestBus;

/// Reads only.
#[derive(Debug)]
pub(crate) struct TestLog(pub(crate) TestBus);

#[async_trait]
impl EventLog for TestLog {
    async fn read_all(&self, after: Position, limit: usize) -> Result<Vec<RecordedEvent>, Error> {
        // A server that others use, too, hands the turn over.
        tokio::task::yield_now().await;
        Ok(self.0.read(after, limit.min(50)))
    }

    async fn head(&self) -> Result<Head, Error> {
        Ok(self.0.head())
    }

    fn head_changes(&self) -> watch::Receiver<Position> {
        watch::Sender::new(Position(0)).subscribe()
    }

    async fn close(&self) {}

    async fn append(&self, _: Vec<Append>) -> Result<Vec<Outcome>, Error> {
        unimplemented!()
    }

    async fn read_stream(
        &self,
        _: &StreamId,
        _: u64,
        _: usize,
    ) -> Result<Vec<RecordedEvent>, Error> {
        unimplemented!()
    }

    async fn stream_heads(&self, _: &[StreamId]) -> Result<Vec<Option<StreamHead>>, Error> {
        unimplemented!()
    }

    async fn known_commands(&self, _: &[Uuid]) -> Result<Vec<Option<KnownCommand>>, Error> {
        unimplemented!()
    }

    async fn claim(&self, _: &str, _: &str) -> Result<Option<StreamId>, Error> {
        unimplemented!()
    }

    async fn due(&self, _: &str, _: DateTime<Utc>, _: usize) -> Result<Vec<Due>, Error> {
        unimplemented!()
    }

    async fn next_due(&self, _: &str) -> Result<Option<DateTime<Utc>>, Error> {
        unimplemented!()
    }

    async fn load_snapshot(&self, _: &StreamId, _: u32) -> Result<Option<Snapshot>, Error> {
        unimplemented!()
    }

    async fn save_snapshot(&self, _: Snapshot) -> Result<(), Error> {
        unimplemented!()
    }

    async fn prune_commands(&self, _: DateTime<Utc>) -> Result<u64, Error> {
        unimplemented!()
    }

    async fn pruned_until(&self) -> Result<Position, Error> {
        unimplemented!()
    }

    async fn list_stream_heads(
        &self,
        _: Option<&StreamId>,
        _: usize,
    ) -> Result<Vec<(StreamId, StreamHead)>, Error> {
        unimplemented!()
    }

    async fn list_claims(&self, _: Option<(&str, &str)>, _: usize) -> Result<Vec<Claim>, Error> {
        unimplemented!()
    }

    async fn list_commands(&self, _: Option<Uuid>, _: usize) -> Result<Vec<KnownCommand>, Error> {
        unimplemented!()
    }
}
