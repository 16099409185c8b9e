//! Commands on a show.

use domain::show::{
    Command, Event, Selection, Show, WIND_UP_BATCH,
    command::Schedule,
    event::{HeldSeat, HeldStanding},
};

use super::Asked;

/// Why places are given back after a cancellation.
const SHOW_CANCELLED: &str = "show_cancelled";

impl Asked for Show {
    fn asked(&self, events: &[Event]) -> Option<Command> {
        if let Some(Event::ShowScheduled { .. }) = events.first() {
            return schedule(events);
        }
        if self.is_cancelled() && events.iter().all(is_wound_up) {
            let limit = events.len().min(WIND_UP_BATCH);
            return Some(Command::WindUp { limit });
        }
        // Holds that stood in the way, and were void, are recorded first.
        let (last, before) = events.split_last()?;
        let void = |event: &Event| matches!(event, Event::HoldExpired { .. });
        if !before.iter().all(void) {
            return None;
        }
        of_reservation(last).or_else(|| of_house(last))
    }
}

fn is_wound_up(event: &Event) -> bool {
    match event {
        Event::HoldReleased { reason, .. } | Event::ReservationCancelled { reason, .. } => {
            reason == SHOW_CANCELLED
        }
        Event::HoldExpired { .. } => true,
        _ => false,
    }
}

fn schedule(events: &[Event]) -> Option<Command> {
    let (first, rest) = events.split_first()?;
    let (mut zones, mut standing) = (Vec::new(), Vec::new());
    for event in rest {
        match event {
            Event::SeatsListed { zone, .. } => zones.push(zone.clone()),
            Event::StandingListed { area, .. } => standing.push(area.clone()),
            _ => return None,
        }
    }
    let Event::ShowScheduled {
        organizer_id,
        concert_id,
        venue_id,
        starts_at,
        on_sale_at,
        off_sale_at,
        prices,
        categories,
        focus,
        hold_seconds,
        max_seats_per_customer,
        no_stranded_seats,
        waiting_room,
        seats: _,
        standing_capacity: _,
    } = first
    else {
        return None;
    };
    Some(Command::Schedule(Box::new(Schedule {
        organizer_id: *organizer_id,
        concert_id: *concert_id,
        venue_id: *venue_id,
        starts_at: *starts_at,
        on_sale_at: *on_sale_at,
        off_sale_at: *off_sale_at,
        prices: prices.clone(),
        hold_seconds: *hold_seconds,
        max_seats_per_customer: *max_seats_per_customer,
        no_stranded_seats: *no_stranded_seats,
        waiting_room: *waiting_room,
        categories: categories.clone(),
        focus: *focus,
        zones,
        standing,
    })))
}

fn selection(seats: &[HeldSeat], standing: Option<&HeldStanding>) -> Selection {
    match standing {
        Some(places) => Selection::Standing {
            category: places.category.clone(),
            quantity: places.quantity,
        },
        None => Selection::Seats(seats.iter().map(|seat| seat.seat_guid.clone()).collect()),
    }
}

/// What a customer or a payment asked for.
fn of_reservation(event: &Event) -> Option<Command> {
    Some(match event.clone() {
        Event::SeatsHeld {
            reservation_id,
            customer_id,
            seats,
            standing,
            pass,
            ..
        } => Command::Hold {
            reservation_id,
            customer_id,
            selection: selection(&seats, standing.as_ref()),
            pass,
        },
        Event::HoldExtended {
            reservation_id,
            customer_id,
            ..
        } => Command::Extend {
            reservation_id,
            customer_id,
        },
        Event::HoldReleased {
            reservation_id,
            customer_id,
            ..
        } => Command::Release {
            reservation_id,
            customer_id,
        },
        Event::ReservationConfirmed {
            reservation_id,
            payment_id,
            amount,
            ..
        } => Command::Confirm {
            reservation_id,
            payment_id,
            amount,
        },
        Event::PaymentAbandoned {
            reservation_id,
            payment_id,
            code,
            ..
        } => Command::Abandon {
            reservation_id,
            payment_id,
            code,
        },
        Event::ReservationCancelled {
            reservation_id,
            payment_id,
            ..
        } => Command::CancelReservation {
            reservation_id,
            payment_id,
        },
        Event::ShowScheduled { .. }
        | Event::SeatsListed { .. }
        | Event::StandingListed { .. }
        | Event::HoldExpired { .. }
        | Event::SeatsBlocked { .. }
        | Event::SeatsUnblocked { .. }
        | Event::ShowCancelled { .. } => return None,
    })
}

/// What the organizer asked for.
fn of_house(event: &Event) -> Option<Command> {
    Some(match event.clone() {
        Event::SeatsBlocked {
            organizer_id,
            seats,
            reason,
        } => Command::Block {
            organizer_id,
            seats,
            reason,
        },
        Event::SeatsUnblocked {
            organizer_id,
            seats,
            reason,
        } => Command::Unblock {
            organizer_id,
            seats,
            reason,
        },
        Event::ShowCancelled {
            organizer_id,
            reason,
            ..
        } => Command::CancelShow {
            organizer_id,
            reason,
        },
        _ => return None,
    })
}
