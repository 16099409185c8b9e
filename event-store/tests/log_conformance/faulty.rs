//! A log that breaks one promise and keeps the others.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use event_store::{
    EventLog, Position, RecordedEvent, StreamId,
    claims::{Claim, ClaimChange},
    commands::{Fingerprint, KnownCommand},
    log::{Append, Error, Head, Naming, Outcome, StreamHead},
    snapshot::Snapshot,
    timers::{Due, WakeAt},
};
use tokio::sync::watch;
use uuid::Uuid;

macro_rules! faults {
    ($($fault:ident => $check:literal),* $(,)?) => {
        /// What is broken.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Fault {
            $($fault),*
        }

        impl Fault {
            pub(crate) const ALL: [Self; [$($check),*].len()] = [$(Self::$fault),*];

            /// The check that must notice.
            pub(crate) fn breaks(self) -> &'static str {
                match self {
                    $(Self::$fault => $check),*
                }
            }
        }
    };
}

faults! {
    RepeatedPosition => "positions_are_dense",
    SwappedEvents => "an_append_stands_together",
    SequenceFromZero => "sequences_are_dense",
    DroppedEvent => "a_reader_never_steps_over_an_event",
    WrongEpoch => "events_name_shard_and_epoch",
    AcceptsBehind => "a_stream_beyond_the_expected_version_refuses",
    AcceptsAhead => "a_stream_before_the_expected_version_refuses",
    IgnoresGuards => "guarded_streams_are_checked",
    StoresTheRest => "an_append_is_all_or_nothing",
    RefusesWholeBatch => "a_conflict_stays_alone_in_its_batch",
    SwallowsInvalid => "what_is_invalid_stores_nothing",
    LostClaim => "a_claim_has_one_holder",
    RefusesOwnClaim => "taking_what_one_holds_changes_nothing",
    LostRelease => "claims_are_released_and_taken_again",
    AnyoneReleases => "only_the_holder_releases",
    ReversedClaims => "claims_change_in_order",
    LostCommand => "commands_are_known",
    ConfirmsAnyStream => "a_stream_is_confirmed_with_its_commands",
    ConflictFirst => "known_outranks_taken_outranks_conflict",
    PrunesAll => "pruned_commands_are_told_from_new_ones",
    NeverPrunes => "pruned_commands_are_told_from_new_ones",
    UnderstatesPruning => "pruned_commands_are_told_from_new_ones",
    PrunesSteps => "commands_without_fingerprint_are_kept",
    EarlyWakeUp => "timers_come_due_on_time",
    ForgetsTimer => "timers_are_kept_set_and_cleared",
    NeverClearsTimer => "timers_are_kept_set_and_cleared",
    NextOfAnyType => "the_next_timer_is_known",
    ReserialisedPayload => "payloads_come_back_byte_for_byte",
    ReserialisedMetadata => "metadata_comes_back_byte_for_byte",
    Milliseconds => "times_are_kept_to_the_microsecond",
    StaleReads => "what_is_committed_is_seen",
    SilentHead => "head_changes_tell_of_commits",
    EarlyHead => "head_changes_are_never_early",
    RepeatedEvent => "a_follower_misses_and_repeats_nothing",
    TornWhenDropped => "a_dropped_append_is_whole_or_absent",
    OneTooMany => "reads_keep_to_their_limits",
    FoldsCase => "streams_are_told_apart",
    DropsUnknownHeads => "stream_heads_answer_in_order",
    IgnoresNames => "what_names_something_is_read",
    ForgetsTypes => "what_names_something_is_read",
    CorrelatesAll => "what_belongs_together_is_read",
    CorrelatesBeyond => "what_belongs_together_is_read",
    RepeatsPages => "stream_heads_are_listed_once_in_order",
    ListsBackwards => "stream_heads_are_listed_once_in_order",
    ListsTooFewClaims => "claims_are_listed_once_in_order",
    ListsTooFewCommands => "commands_are_listed_once_in_order",
    IgnoresSchema => "snapshots_are_kept_by_schema",
    ForgetsSnapshots => "a_shorter_fold_never_replaces_a_longer",
}

/// A log that breaks one promise and keeps the others.
#[derive(Debug)]
pub(crate) struct FaultyLog {
    inner: Arc<dyn EventLog>,
    fault: Fault,
    head: watch::Sender<Position>,
    snapshot: Mutex<Option<Snapshot>>,
}

impl FaultyLog {
    pub(crate) fn new(inner: Arc<dyn EventLog>, fault: Fault) -> Self {
        Self {
            inner,
            fault,
            head: watch::Sender::new(Position(0)),
            snapshot: Mutex::new(None),
        }
    }

    async fn version(&self, stream: &StreamId) -> u64 {
        let heads = self.inner.stream_heads(std::slice::from_ref(stream)).await;
        heads.unwrap()[0].map_or(0, |head| head.version)
    }

    async fn misplaced(&self, append: &Append) -> Option<Outcome> {
        for part in &append.streams {
            let actual = self.version(&part.stream).await;
            if actual != part.expected_version {
                return Some(Outcome::VersionConflict {
                    stream: part.stream.clone(),
                    expected: part.expected_version,
                    actual,
                });
            }
        }
        None
    }

    /// Changes an append before it is stored.
    async fn tamper(&self, append: &mut Append) {
        match self.fault {
            Fault::SwappedEvents => append.streams.reverse(),
            Fault::AcceptsBehind | Fault::AcceptsAhead => {
                for part in &mut append.streams {
                    let actual = self.version(&part.stream).await;
                    let behind = part.expected_version < actual;
                    if behind == (self.fault == Fault::AcceptsBehind) {
                        part.expected_version = actual;
                    }
                }
            }
            Fault::IgnoresGuards => append.streams.retain(|part| !part.events.is_empty()),
            Fault::StoresTheRest => {
                let mut kept = Vec::new();
                for part in &append.streams {
                    if self.version(&part.stream).await == part.expected_version {
                        kept.push(part.clone());
                    }
                }
                if kept.len() < append.streams.len() {
                    append.commands.clear();
                }
                append.streams = kept;
            }
            Fault::LostClaim
            | Fault::LostRelease
            | Fault::AnyoneReleases
            | Fault::ReversedClaims => {
                self.tamper_claims(&mut append.claims).await;
            }
            Fault::LostCommand => append.commands.clear(),
            Fault::PrunesSteps => {
                for command in &mut append.commands {
                    command.fingerprint = Fingerprint(vec![1]);
                }
            }
            Fault::ForgetsTimer | Fault::NeverClearsTimer => {
                let (from, to) = match self.fault {
                    Fault::ForgetsTimer => (WakeAt::Keep, WakeAt::Never),
                    _ => (WakeAt::Never, WakeAt::Keep),
                };
                for part in append.streams.iter_mut().filter(|p| p.wake_at == from) {
                    part.wake_at = to;
                }
            }
            Fault::ReserialisedPayload => {
                for event in append.streams.iter_mut().flat_map(|s| &mut s.events) {
                    event.payload = reserialised(&event.payload);
                }
            }
            Fault::ReserialisedMetadata => {
                for event in append.streams.iter_mut().flat_map(|s| &mut s.events) {
                    event.metadata = reserialised(&event.metadata).into();
                }
            }
            Fault::Milliseconds => append.recorded_at = append.recorded_at.trunc_subsecs(3),
            Fault::FoldsCase => {
                for part in &mut append.streams {
                    let id = part.stream.aggregate_id.to_lowercase();
                    part.stream = StreamId::new(&*part.stream.aggregate_type, id);
                    part.expected_version = self.version(&part.stream).await;
                }
            }
            _ => {}
        }
    }

    async fn tamper_claims(&self, claims: &mut Vec<ClaimChange>) {
        match self.fault {
            Fault::LostClaim => claims.clear(),
            Fault::LostRelease => {
                let sets = |c: &ClaimChange| matches!(c, ClaimChange::Set { .. });
                claims.retain(sets);
            }
            Fault::AnyoneReleases => {
                for change in claims {
                    if let ClaimChange::Release {
                        namespace,
                        key,
                        stream,
                    } = change
                        && let Some(holder) = self.inner.claim(namespace, key).await.unwrap()
                    {
                        *stream = holder;
                    }
                }
            }
            Fault::ReversedClaims => claims.reverse(),
            _ => {}
        }
    }

    /// Stores the streams of an append one after another.
    async fn tear(&self, mut append: Append) -> Result<Vec<Outcome>, Error> {
        let parts = std::mem::take(&mut append.streams);
        let mut outcomes = Vec::new();
        for part in parts {
            if let Some(command) = append.commands.first_mut() {
                command.events = part.events.len();
            }
            append.streams = vec![part];
            outcomes = self.inner.append(vec![append.clone()]).await?;
            append.commands.clear();
            append.claims.clear();
            tokio::task::yield_now().await;
        }
        Ok(outcomes)
    }

    /// Refuses a batch for what is no reason.
    async fn refuse(&self, batch: &[Append]) -> Option<Result<Vec<Outcome>, Error>> {
        let first = batch.first()?;
        match self.fault {
            Fault::SwallowsInvalid if first.validate().is_err() => Some(Ok(batch
                .iter()
                .map(|_| Outcome::Committed {
                    first: Position(1),
                    last: Position(1),
                })
                .collect())),
            Fault::ConflictFirst => {
                let conflict = self.misplaced(first).await?;
                Some(Ok(vec![conflict]))
            }
            Fault::RefusesWholeBatch => {
                for append in batch {
                    if let Some(conflict) = self.misplaced(append).await {
                        return Some(Ok(vec![conflict; batch.len()]));
                    }
                }
                None
            }
            Fault::RefusesOwnClaim => {
                let change = first.claims.first()?;
                let (namespace, key) = change.pair();
                let stream = self.inner.claim(namespace, key).await.unwrap()?;
                let (namespace, key) = (namespace.to_owned(), key.to_owned());
                Some(Ok(vec![Outcome::ClaimTaken {
                    namespace,
                    key,
                    stream,
                }]))
            }
            _ => None,
        }
    }

    fn tamper_events(&self, events: &mut [RecordedEvent]) {
        for event in events {
            match self.fault {
                Fault::RepeatedPosition if event.position.0 > 2 => event.position.0 -= 1,
                Fault::SequenceFromZero => event.sequence -= 1,
                Fault::WrongEpoch => event.epoch += 1,
                _ => {}
            }
        }
    }
}

fn reserialised(json: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    value.to_string()
}

#[async_trait]
impl EventLog for FaultyLog {
    async fn append(&self, mut batch: Vec<Append>) -> Result<Vec<Outcome>, Error> {
        if let Some(refused) = self.refuse(&batch).await {
            return refused;
        }
        if self.fault == Fault::TornWhenDropped {
            return self.tear(batch.remove(0)).await;
        }
        if self.fault == Fault::EarlyHead {
            self.head.send_modify(|at| at.0 += batch.len() as u64);
            tokio::task::yield_now().await;
        }
        let torn = match (self.fault, batch.first()) {
            (Fault::StoresTheRest, Some(first)) => self.misplaced(first).await,
            _ => None,
        };
        for append in &mut batch {
            self.tamper(append).await;
        }
        if let Some(conflict) = torn {
            self.inner.append(batch).await?;
            return Ok(vec![conflict]);
        }
        self.inner.append(batch).await
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error> {
        let mut events = self.inner.read_stream(stream, after, limit).await?;
        self.tamper_events(&mut events);
        Ok(events)
    }

    async fn read_stream_naming(
        &self,
        stream: &StreamId,
        after: u64,
        naming: &Naming<'_>,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error> {
        let naming = match self.fault {
            Fault::IgnoresNames => Naming {
                text: "",
                ..*naming
            },
            Fault::ForgetsTypes => Naming {
                or_types: &[],
                ..*naming
            },
            _ => *naming,
        };
        let found = self.inner.read_stream_naming(stream, after, &naming, limit);
        found.await
    }

    async fn read_correlated(
        &self,
        correlation_id: &str,
        (after, until): (Position, Position),
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error> {
        let until = match self.fault {
            Fault::CorrelatesAll => return self.inner.read_all(after, limit).await,
            Fault::CorrelatesBeyond => Position(u64::MAX >> 1),
            _ => until,
        };
        let part = (after, until);
        self.inner
            .read_correlated(correlation_id, part, limit)
            .await
    }

    async fn read_all(&self, after: Position, limit: usize) -> Result<Vec<RecordedEvent>, Error> {
        let limit = limit + usize::from(self.fault == Fault::OneTooMany);
        let after = match self.fault {
            Fault::RepeatedEvent => Position(after.0.saturating_sub(after.0 / 20 % 2)),
            _ => after,
        };
        let mut events = self.inner.read_all(after, limit).await?;
        self.tamper_events(&mut events);
        if self.fault == Fault::DroppedEvent {
            events.retain(|event| event.position.0 != 17);
        }
        Ok(events)
    }

    async fn head(&self) -> Result<Head, Error> {
        let mut head = self.inner.head().await?;
        if self.fault == Fault::StaleReads {
            head.position.0 = head.position.0.saturating_sub(1);
        }
        Ok(head)
    }

    async fn stream_heads(&self, streams: &[StreamId]) -> Result<Vec<Option<StreamHead>>, Error> {
        let mut heads = self.inner.stream_heads(streams).await?;
        if self.fault == Fault::DropsUnknownHeads {
            heads.retain(Option::is_some);
        }
        Ok(heads)
    }

    async fn known_commands(&self, ids: &[Uuid]) -> Result<Vec<Option<KnownCommand>>, Error> {
        self.inner.known_commands(ids).await
    }

    async fn claim(&self, namespace: &str, key: &str) -> Result<Option<StreamId>, Error> {
        self.inner.claim(namespace, key).await
    }

    async fn due(
        &self,
        aggregate_type: &str,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Due>, Error> {
        let now = match self.fault {
            Fault::EarlyWakeUp => now + TimeDelta::microseconds(1),
            _ => now,
        };
        self.inner.due(aggregate_type, now, limit).await
    }

    async fn next_due(&self, aggregate_type: &str) -> Result<Option<DateTime<Utc>>, Error> {
        let other = match self.fault {
            Fault::NextOfAnyType => self.inner.next_due("other").await?,
            _ => None,
        };
        let own = self.inner.next_due(aggregate_type).await?;
        Ok(own.into_iter().chain(other).min())
    }

    async fn load_snapshot(
        &self,
        stream: &StreamId,
        schema: u32,
    ) -> Result<Option<Snapshot>, Error> {
        match self.fault {
            Fault::IgnoresSchema | Fault::ForgetsSnapshots => {
                Ok(self.snapshot.lock().unwrap().clone())
            }
            _ => self.inner.load_snapshot(stream, schema).await,
        }
    }

    async fn save_snapshot(&self, snapshot: Snapshot) -> Result<(), Error> {
        *self.snapshot.lock().unwrap() = Some(snapshot.clone());
        self.inner.save_snapshot(snapshot).await
    }

    async fn prune_commands(&self, before: DateTime<Utc>) -> Result<u64, Error> {
        match self.fault {
            Fault::NeverPrunes => Ok(0),
            Fault::PrunesAll => {
                self.inner
                    .prune_commands(before + TimeDelta::days(36_500))
                    .await
            }
            _ => self.inner.prune_commands(before).await,
        }
    }

    async fn pruned_until(&self) -> Result<Position, Error> {
        let until = self.inner.pruned_until().await?;
        match self.fault {
            Fault::UnderstatesPruning => Ok(Position(until.0 / 2)),
            _ => Ok(until),
        }
    }

    async fn list_stream_heads(
        &self,
        after: Option<&StreamId>,
        limit: usize,
    ) -> Result<Vec<(StreamId, StreamHead)>, Error> {
        let mut page = self.inner.list_stream_heads(after, limit).await?;
        if self.fault == Fault::RepeatsPages && after.is_some() {
            page = self.inner.list_stream_heads(None, limit).await?;
        }
        if self.fault == Fault::ListsBackwards {
            page.reverse();
        }
        Ok(page)
    }

    async fn list_claims(
        &self,
        after: Option<(&str, &str)>,
        limit: usize,
    ) -> Result<Vec<Claim>, Error> {
        let mut page = self.inner.list_claims(after, limit).await?;
        if self.fault == Fault::ListsTooFewClaims {
            page.pop();
        }
        Ok(page)
    }

    async fn list_commands(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<KnownCommand>, Error> {
        let mut page = self.inner.list_commands(after, limit).await?;
        if self.fault == Fault::ListsTooFewCommands {
            page.pop();
        }
        Ok(page)
    }

    async fn confirm(
        &self,
        stream: &StreamId,
        ids: &[Uuid],
    ) -> Result<(Option<StreamHead>, Vec<Option<KnownCommand>>), Error> {
        let (mut head, known) = self.inner.confirm(stream, ids).await?;
        if self.fault == Fault::ConfirmsAnyStream && head.is_none() {
            let (_, first) = self.inner.list_stream_heads(None, 1).await?.remove(0);
            head = Some(first);
        }
        Ok((head, known))
    }

    async fn close(&self) {
        self.inner.close().await;
    }

    fn head_changes(&self) -> watch::Receiver<Position> {
        match self.fault {
            Fault::SilentHead | Fault::EarlyHead => self.head.subscribe(),
            _ => self.inner.head_changes(),
        }
    }
}
