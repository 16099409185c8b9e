//! Where in the log a seat went: for refusals that name seats which are another's. The show knows the event that took each by its
//! place in the show's stream; the log is asked for that event's position, once, and a bounded memory spares asking twice.

use std::sync::{Arc, Mutex};

use domain::{
    Aggregate,
    ids::ShowId,
    show::{self, Show},
};
use edge::{Problem, problem};
use event_store::{EventLog, Position, StreamId, log};
use tokio::sync::OnceCell;

use crate::generations::Generations;

/// Entries of one generation. Two generations of some 150 bytes an entry stay under 6 MiB.
const GENERATION: usize = 20_000;
/// Most seats of one refusal whose positions are told: as many as a hold may ask for. House seats can be more.
const MAX_EXPLAINED: usize = show::MAX_PLACES_PER_CUSTOMER as usize;

/// An event by its place in a show's stream.
type Key = (ShowId, u64);
/// Filled by whoever asks first; the others wait for that one.
type Found = Arc<OnceCell<Position>>;

/// Finds the positions of the events that took seats. An event never changes its place, so what was found once stays true.
#[derive(Debug)]
pub struct TakenSeats {
    log: Arc<dyn EventLog>,
    known: Mutex<Generations<Key, Found>>,
}

impl TakenSeats {
    /// Over the streams of `log`.
    pub fn new(log: Arc<dyn EventLog>) -> Self {
        Self {
            log,
            known: Mutex::new(Generations::new(GENERATION)),
        }
    }

    /// `problem`, which is `refusal` in the form of an answer, with the position at which each seat went that it names as gone.
    /// Without it where the log does not answer: the refusal is right all the same.
    pub(crate) async fn explain(
        &self,
        show: ShowId,
        refusal: &show::Error,
        problem: Problem,
    ) -> Problem {
        let (show::Error::SeatsUnavailable { seats, .. } | show::Error::HoldExpired { seats, .. }) =
            refusal
        else {
            return problem;
        };
        if seats.is_empty() {
            return problem;
        }
        let mut taken = Vec::new();
        for seat in seats.iter().take(MAX_EXPLAINED) {
            match self.position(show, seat.sequence).await {
                Ok(position) => taken.push(problem::TakenSeat {
                    seat_guid: seat.seat_guid.clone(),
                    position: position.0,
                }),
                Err(error) => {
                    tracing::warn!(%error, show.id = %show, "a refusal can't tell where a seat went");
                    return problem;
                }
            }
        }
        problem.with("taken", taken)
    }

    /// Position of the event `sequence` of a show's stream.
    async fn position(&self, show: ShowId, sequence: u64) -> Result<Position, log::Error> {
        let found = self.entry((show, sequence));
        let read = async || {
            let stream = StreamId::new(Show::TYPE, show.to_string());
            let before = sequence.saturating_sub(1);
            let events = self.log.read_stream(&stream, before, 1).await?;
            let event = events.first().filter(|event| event.sequence == sequence);
            event
                .map(|event| event.position)
                .ok_or_else(|| log::Error::Corrupt(format!("{stream} has no event {sequence}")))
        };
        found.get_or_try_init(read).await.copied()
    }

    fn entry(&self, key: Key) -> Found {
        let mut known = self.known.lock().expect("no holder of this lock can panic");
        if let Some(found) = known.get(&key) {
            return found;
        }
        let found = Found::default();
        known.insert(key, found.clone());
        found
    }
}
