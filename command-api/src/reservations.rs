//! Which show a reservation belongs to: the claim says it, a bounded memory spares asking twice.

use std::sync::{Arc, Mutex};

use domain::{
    Aggregate,
    ids::{ReservationId, ShowId},
    show::Show,
};
use event_store::{EventLog, log};

use crate::generations::Generations;

/// Entries of one generation. Two generations of 32 bytes an entry stay under 5 MiB.
const GENERATION: usize = 50_000;

/// Finds shows by reservation. A reservation never changes its show, so what was found once stays true.
#[derive(Debug)]
pub struct Reservations {
    log: Arc<dyn EventLog>,
    known: Mutex<Generations<ReservationId, ShowId>>,
}

impl Reservations {
    /// Over the claims of `log`.
    pub fn new(log: Arc<dyn EventLog>) -> Self {
        Self {
            log,
            known: Mutex::new(Generations::new(GENERATION)),
        }
    }

    /// Remembers a reservation that was just recorded.
    pub(crate) fn remember(&self, reservation: ReservationId, show: ShowId) {
        let mut known = self.known.lock().expect("no holder of this lock can panic");
        known.insert(reservation, show);
    }

    /// The show of a reservation; `None` where there is no such reservation.
    ///
    /// # Errors
    /// The log's.
    pub(crate) async fn show_of(
        &self,
        reservation: ReservationId,
    ) -> Result<Option<ShowId>, log::Error> {
        let known = self
            .known
            .lock()
            .expect("no holder of this lock can panic")
            .get(&reservation);
        if known.is_some() {
            return Ok(known);
        }
        let claim = self
            .log
            .claim("reservation", &reservation.to_string())
            .await?;
        let show = claim
            .filter(|stream| &*stream.aggregate_type == Show::TYPE)
            .and_then(|stream| stream.aggregate_id.parse().ok());
        if let Some(show) = show {
            self.remember(reservation, show);
        }
        Ok(show)
    }
}
