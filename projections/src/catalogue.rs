//! Concerts and shows.

use domain::{
    concert,
    ids::{ConcertId, ShowId},
    show,
    stored::DomainEvent,
};
use read_model::{
    ProjectionId, Rows,
    tables::{Concert, Show},
};

use crate::{Effect, Error, Event, Needs, Projection};

/// The catalogue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Catalogue;

impl Projection for Catalogue {
    fn id(&self) -> ProjectionId {
        ProjectionId::Catalogue
    }

    fn needs(&self, event: &Event, needs: &mut Needs) {
        match &event.event {
            DomainEvent::Concert(concert) => {
                let makes = matches!(concert, concert::Event::ConcertAnnounced { .. });
                needs.concert(ConcertId(event.id), Effect::makes(makes));
            }
            DomainEvent::Show(show::Event::ShowScheduled { .. }) => {
                needs.show(ShowId(event.id), Effect::Makes);
            }
            DomainEvent::Show(show::Event::ShowCancelled { .. }) => {
                needs.show(ShowId(event.id), Effect::Changes);
            }
            DomainEvent::Show(
                show::Event::SeatsListed { .. }
                | show::Event::StandingListed { .. }
                | show::Event::SeatsHeld { .. }
                | show::Event::HoldExtended { .. }
                | show::Event::HoldReleased { .. }
                | show::Event::HoldExpired { .. }
                | show::Event::ReservationConfirmed { .. }
                | show::Event::PaymentAbandoned { .. }
                | show::Event::ReservationCancelled { .. }
                | show::Event::SeatsBlocked { .. }
                | show::Event::SeatsUnblocked { .. },
            )
            | DomainEvent::Venue(_)
            | DomainEvent::Payment(_)
            | DomainEvent::PointAccount(_)
            | DomainEvent::Customer(_)
            | DomainEvent::Operation(_)
            | DomainEvent::WaitingRoom(_)
            | DomainEvent::Drop(_) => {}
        }
    }

    fn apply(&self, event: &Event, rows: &mut Rows) -> Result<(), Error> {
        match &event.event {
            DomainEvent::Concert(concert) => apply_concert(event, concert, rows),
            DomainEvent::Show(show) => apply_show(event, show, rows),
            DomainEvent::Venue(_)
            | DomainEvent::Payment(_)
            | DomainEvent::PointAccount(_)
            | DomainEvent::Customer(_)
            | DomainEvent::Operation(_)
            | DomainEvent::WaitingRoom(_)
            | DomainEvent::Drop(_) => Ok(()),
        }
    }
}

fn apply_concert(event: &Event, concert: &concert::Event, rows: &mut Rows) -> Result<(), Error> {
    let id = ConcertId(event.id);
    match concert {
        concert::Event::ConcertAnnounced {
            organizer_id,
            title,
            artist,
            description,
        } => {
            let row = Concert {
                concert_id: id,
                organizer_id: *organizer_id,
                title: title.clone(),
                artist: artist.clone(),
                description: description.clone(),
                announced_at: event.recorded_at,
                position: event.position,
            };
            rows.concerts.insert(id, row);
        }
        concert::Event::ConcertRevised {
            organizer_id: _,
            title,
            artist,
            description,
        } => {
            let row = rows.concerts.get_mut(&id);
            let row = row.ok_or_else(|| event.missing("concerts", id))?;
            row.title.clone_from(title);
            row.artist.clone_from(artist);
            row.description.clone_from(description);
            row.position = event.position;
        }
    }
    Ok(())
}

fn apply_show(event: &Event, show: &show::Event, rows: &mut Rows) -> Result<(), Error> {
    let id = ShowId(event.id);
    match show {
        show::Event::ShowScheduled {
            organizer_id,
            concert_id,
            venue_id,
            starts_at,
            on_sale_at,
            off_sale_at,
            hold_seconds,
            max_seats_per_customer,
            no_stranded_seats,
            prices: _,
            categories: _,
            focus: _,
            seats: _,
            standing_capacity: _,
            waiting_room: _,
        } => {
            let row = Show {
                show_id: id,
                organizer_id: *organizer_id,
                concert_id: *concert_id,
                venue_id: *venue_id,
                starts_at: *starts_at,
                on_sale_at: *on_sale_at,
                off_sale_at: *off_sale_at,
                hold_seconds: *hold_seconds,
                max_seats_per_customer: *max_seats_per_customer,
                no_stranded_seats: *no_stranded_seats,
                cancelled_at: None,
                cancel_reason: None,
                position: event.position,
            };
            rows.shows.insert(id, row);
        }
        show::Event::ShowCancelled {
            organizer_id: _,
            reason,
            cancelled_at,
        } => {
            let row = rows.shows.get_mut(&id);
            let row = row.ok_or_else(|| event.missing("shows", id))?;
            row.cancelled_at = Some(*cancelled_at);
            row.cancel_reason = Some(reason.clone());
            row.position = event.position;
        }
        show::Event::SeatsListed { .. }
        | show::Event::StandingListed { .. }
        | show::Event::SeatsHeld { .. }
        | show::Event::HoldExtended { .. }
        | show::Event::HoldReleased { .. }
        | show::Event::HoldExpired { .. }
        | show::Event::ReservationConfirmed { .. }
        | show::Event::PaymentAbandoned { .. }
        | show::Event::ReservationCancelled { .. }
        | show::Event::SeatsBlocked { .. }
        | show::Event::SeatsUnblocked { .. } => {}
    }
    Ok(())
}
