//! Entries on their way in: whatever waits for one drop becomes one command.

use std::collections::{HashMap, hash_map::Entry as Slot};

use domain::{
    drop::{Command, DrawMode, ENTRY_BATCH, Entering, Entrant, Entry as Listed, FairDrop},
    ids::{CustomerId, DropEntryId, DropId},
};
use event_store::{
    Position, StreamId,
    commands::Fingerprint,
    executor::{self, Request},
};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Drops, Entered, Entry, Error, Known, MAX_WAITING};
use crate::{commands::Origin, metrics};

/// Somebody who waits to be recorded.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) entry_id: DropEntryId,
    pub(super) customer_id: CustomerId,
    pub(super) command_id: Uuid,
    pub(super) reply: oneshot::Sender<Result<Entered, Error>>,
}

/// An entry in the list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    drop: DropId,
    listed: Listed,
    /// Sequence of the event that recorded it.
    sequence: u64,
}

impl Found {
    /// What the command with this id is answered.
    pub(super) async fn entered(
        &self,
        command: Uuid,
        draw: DrawMode,
        drops: &Drops,
    ) -> Result<Entered, Error> {
        let position = drops.position(self.drop, self.end(draw)).await?;
        Ok(self.entered_at(command, position))
    }

    /// Sequence of the last event of its append.
    fn end(&self, draw: DrawMode) -> u64 {
        self.sequence + u64::from(draw == DrawMode::OnEntry)
    }

    fn entered_at(&self, command: Uuid, position: Position) -> Entered {
        let Entrant {
            entry_id,
            command_id,
            ..
        } = self.listed.entrant;
        let entry = Entry {
            entry_id,
            status: self.listed.status,
            position,
        };
        if command_id == command {
            Entered::Accepted(entry)
        } else {
            Entered::Already(entry)
        }
    }
}

impl Drops {
    /// Puts somebody into the drop's queue, and sees to it that somebody records what is there.
    pub(super) fn post(&self, drop: DropId, known: Known, waiting: Waiting) -> Result<(), Error> {
        let mut queues = self
            .queues
            .lock()
            .expect("no holder of this lock can panic");
        match queues.entry(drop) {
            Slot::Occupied(mut queue) => {
                if queue.get().len() >= MAX_WAITING {
                    return Err(executor::Error::Overloaded.into());
                }
                queue.get_mut().push(waiting);
            }
            Slot::Vacant(queue) => {
                queue.insert(vec![waiting]);
                self.tasks.spawn(self.clone().record_all(drop, known));
            }
        }
        Ok(())
    }

    /// Records batch after batch until nobody waits. The queue exists as long as this runs.
    async fn record_all(self, drop: DropId, known: Known) {
        while let Some(batch) = self.take(drop) {
            self.record(drop, &known, batch).await;
        }
    }

    fn take(&self, drop: DropId) -> Option<Vec<Waiting>> {
        let mut queues = self
            .queues
            .lock()
            .expect("no holder of this lock can panic");
        let queue = queues.get_mut(&drop)?;
        if queue.is_empty() {
            queues.remove(&drop);
            return None;
        }
        let size = queue.len().min(ENTRY_BATCH);
        Some(queue.drain(..size).collect())
    }

    async fn record(&self, drop: DropId, known: &Known, batch: Vec<Waiting>) {
        let entering = batch.iter().map(|waiting| Entering {
            entrant: Entrant {
                entry_id: waiting.entry_id,
                customer_id: waiting.customer_id,
                command_id: waiting.command_id,
            },
            lot: known.lots.as_ref().map(|lots| lots.of(waiting.entry_id)),
        });
        let id = Uuid::now_v7();
        let request = Request {
            command_id: id,
            fingerprint: Fingerprint::default(),
            command: Command::Enter {
                entering: entering.collect(),
            },
            metadata: Origin {
                actor: "drops".to_owned(),
                correlation_id: id.to_string(),
                ..Origin::default()
            }
            .metadata(),
            claims: Vec::new(),
            deadline: None,
        };
        let drops = &self.core.executors.drops;
        let result = drops.execute(&drop.to_string(), request).await;
        let (mut positions, refusal) = match result {
            Ok(answer) => {
                let told = answer.events.iter();
                (told.map(|e| (e.sequence, e.position)).collect(), None)
            }
            Err(refusal @ executor::Error::Refused { .. }) => (HashMap::new(), Some(refusal)),
            Err(error) => {
                for waiting in batch {
                    answer(waiting, Err(error.clone().into()));
                }
                return;
            }
        };
        self.answer_all(drop, known, batch, &mut positions, refusal.as_ref())
            .await;
    }

    /// Answers each from the list: whoever is in it now, by whatever command; the others are refused.
    async fn answer_all(
        &self,
        drop: DropId,
        known: &Known,
        batch: Vec<Waiting>,
        positions: &mut HashMap<u64, Position>,
        refusal: Option<&executor::Error<domain::drop::Error>>,
    ) {
        let customers: Vec<_> = batch.iter().map(|waiting| waiting.customer_id).collect();
        let found = match self.find(drop, &customers).await {
            Ok(found) => found,
            Err(error) => {
                for waiting in batch {
                    answer(waiting, Err(error.clone()));
                }
                return;
            }
        };
        for (waiting, found) in batch.into_iter().zip(found) {
            let result = match (found, refusal) {
                (Some(found), _) => self.look_up(known, &waiting, found, positions).await,
                (None, Some(refusal)) => Err(refusal.clone().into()),
                (None, None) => {
                    let lost = "an entry that was recorded is not in the list".to_owned();
                    Err(executor::Error::Broken(lost).into())
                }
            };
            answer(waiting, result);
        }
    }

    async fn look_up(
        &self,
        known: &Known,
        waiting: &Waiting,
        found: Found,
        positions: &mut HashMap<u64, Position>,
    ) -> Result<Entered, Error> {
        let end = found.end(known.draw);
        let position = match positions.get(&end) {
            Some(position) => *position,
            None => self.position(found.drop, end).await?,
        };
        positions.insert(end, position);
        Ok(found.entered_at(waiting.command_id, position))
    }

    /// The customers' entries.
    pub(super) async fn find(
        &self,
        drop: DropId,
        customers: &[CustomerId],
    ) -> Result<Vec<Option<Found>>, Error> {
        let customers = customers.to_vec();
        let look = move |state: &FairDrop, _, _| {
            let entry = |customer: &CustomerId| state.entry_of(*customer);
            customers.iter().map(entry).collect::<Vec<_>>()
        };
        let drops = &self.core.executors.drops;
        let found = drops.read(&drop.to_string(), look).await?;
        let found = found.into_iter().map(|found| {
            let (listed, sequence) = found?;
            Some(Found {
                drop,
                listed,
                sequence,
            })
        });
        Ok(found.collect())
    }

    /// Where in the log an event of the drop is.
    async fn position(&self, drop: DropId, sequence: u64) -> Result<Position, Error> {
        let stream = StreamId::new(<FairDrop as domain::Aggregate>::TYPE, drop.to_string());
        let events = self.core.log.read_stream(&stream, sequence - 1, 1).await?;
        Ok(events
            .first()
            .map(|event| event.position)
            .unwrap_or_default())
    }
}

/// Whoever does not wait any more has lost the answer, not the entry.
fn answer(waiting: Waiting, result: Result<Entered, Error>) {
    let outcome = match &result {
        Ok(Entered::Accepted(_)) => None,
        Ok(Entered::Already(_)) | Err(_) => Some("refused"),
    };
    metrics::command("enter_drop", outcome);
    let _ = waiting.reply.send(result);
}
