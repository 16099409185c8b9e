//! Seat maps. The fold itself is [`SeatMap`]'s, shared with those who keep maps in memory.

use domain::{ids::ShowId, show, stored::DomainEvent};
use read_model::{ProjectionId, Rows, SeatMap};

use crate::{Effect, Error, Event, Needs, Projection};

/// Seat maps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeatMaps;

/// Whether an event can change a map.
fn changes_map(event: &show::Event) -> bool {
    match event {
        show::Event::ShowScheduled { .. }
        | show::Event::SeatsListed { .. }
        | show::Event::StandingListed { .. }
        | show::Event::SeatsHeld { .. }
        | show::Event::HoldReleased { .. }
        | show::Event::HoldExpired { .. }
        | show::Event::ReservationConfirmed { .. }
        | show::Event::ReservationCancelled { .. }
        | show::Event::SeatsBlocked { .. }
        | show::Event::SeatsUnblocked { .. } => true,
        show::Event::HoldExtended { .. }
        | show::Event::PaymentAbandoned { .. }
        | show::Event::ShowCancelled { .. } => false,
    }
}

impl Projection for SeatMaps {
    fn id(&self) -> ProjectionId {
        ProjectionId::SeatMaps
    }

    fn needs(&self, event: &Event, needs: &mut Needs) {
        match &event.event {
            DomainEvent::Show(show) if changes_map(show) => {
                let makes = matches!(show, show::Event::ShowScheduled { .. });
                needs.seat_map(ShowId(event.id), Effect::makes(makes));
            }
            DomainEvent::Show(_)
            | DomainEvent::Venue(_)
            | DomainEvent::Concert(_)
            | DomainEvent::Payment(_)
            | DomainEvent::PointAccount(_)
            | DomainEvent::Customer(_)
            | DomainEvent::Operation(_)
            | DomainEvent::WaitingRoom(_)
            | DomainEvent::Drop(_) => {}
        }
    }

    fn apply(&self, event: &Event, rows: &mut Rows) -> Result<(), Error> {
        let show = match &event.event {
            DomainEvent::Show(show) if changes_map(show) => show,
            DomainEvent::Show(_)
            | DomainEvent::Venue(_)
            | DomainEvent::Concert(_)
            | DomainEvent::Payment(_)
            | DomainEvent::PointAccount(_)
            | DomainEvent::Customer(_)
            | DomainEvent::Operation(_)
            | DomainEvent::WaitingRoom(_)
            | DomainEvent::Drop(_) => return Ok(()),
        };
        let id = ShowId(event.id);
        if let show::Event::ShowScheduled { .. } = show {
            rows.seat_maps.insert(id, SeatMap::new(id));
        }
        let map = rows.seat_maps.get_mut(&id);
        map.ok_or_else(|| event.missing("seat_maps", id))?
            .apply(show, event.position);
        Ok(())
    }
}
