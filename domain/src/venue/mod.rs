//! A venue: a seating plan, stored compactly, and standing areas. Shows copy it when they are scheduled.

pub mod command;
mod decimal;
pub mod error;
pub mod event;
mod json;
mod parts;
pub mod plan;
pub mod upcast;

use std::collections::HashSet;

use cqrs_es::event_sink::EventSink;
use serde::{Deserialize, Serialize};

pub use self::{command::Command, error::Error, event::Event};
use crate::{
    aggregate::{self, Aggregate, Services},
    ids::OrganizerId,
    seating::{MAX_LABEL_BYTES, Point, StandingArea, ZonePart},
    text::check_line,
    time::Timestamp,
};

/// Most bytes of a venue's name: a line on a ticket.
pub const MAX_NAME_BYTES: usize = 200;
/// Most standing areas of one venue: stadiums have a dozen.
pub const MAX_STANDING_AREAS: usize = 100;
/// Most standing places of one venue: several times the largest fields ever sold.
pub const MAX_STANDING_CAPACITY: u32 = 1_000_000;

/// A venue.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Venue {
    /// Whose it is; `None` before it is registered.
    pub organizer_id: Option<OrganizerId>,
    /// Name.
    pub name: String,
    /// What the best seats are near to.
    pub focus: Point,
    /// Seat categories in plan order.
    pub categories: Vec<String>,
    /// Zone parts in plan order.
    pub zones: Vec<ZonePart>,
    /// Standing areas.
    pub standing: Vec<StandingArea>,
    /// Numbered seats.
    pub seats: u32,
    /// Standing places.
    pub standing_capacity: u32,
}

/// Checks the standing areas; answers their places in all.
fn check_standing(standing: &[StandingArea], categories: &[String]) -> Result<u32, Error> {
    const CODE: &str = "invalid_standing_area";
    let refuse = |at: String, detail: String| Error::Invalid {
        at,
        detail,
        code: CODE,
    };
    if standing.len() > MAX_STANDING_AREAS {
        let detail = format!("at most {MAX_STANDING_AREAS} areas, not {}", standing.len());
        return Err(refuse("standing".to_owned(), detail));
    }
    let mut names = HashSet::new();
    let mut taken: HashSet<&str> = categories.iter().map(String::as_str).collect();
    let mut total = 0_u32;
    for (i, area) in standing.iter().enumerate() {
        for (field, text) in [("name", &area.name), ("category", &area.category)] {
            check_line(text, MAX_LABEL_BYTES)
                .map_err(|detail| refuse(format!("standing[{i}].{field}"), detail))?;
        }
        if !names.insert(area.name.as_str()) {
            let detail = format!("another area is named {:?}", area.name);
            return Err(refuse(format!("standing[{i}].name"), detail));
        }
        if !taken.insert(&area.category) {
            let detail = format!("the category {:?} is not this area's own", area.category);
            return Err(refuse(format!("standing[{i}].category"), detail));
        }
        total = total.saturating_add(area.capacity);
        if area.capacity == 0 || total > MAX_STANDING_CAPACITY {
            let detail = format!("must be above zero, and at most {MAX_STANDING_CAPACITY} in all");
            return Err(refuse(format!("standing[{i}].capacity"), detail));
        }
    }
    Ok(total)
}

impl Aggregate for Venue {
    const TYPE: &'static str = "venue";
    const SNAPSHOT_SCHEMA: u32 = 1;
    type Command = Command;
    type Event = Event;
    type Error = Error;

    fn decide(&self, command: &Command, _now: Timestamp) -> Result<Vec<Event>, Error> {
        let Command::Register(register) = command;
        if self.organizer_id.is_some() {
            return Err(Error::AlreadyRegistered);
        }
        let command::Register {
            organizer_id,
            name,
            plan,
            standing,
        } = &**register;
        let organizer_id = *organizer_id;
        check_line(name, MAX_NAME_BYTES).map_err(|detail| Error::Invalid {
            at: "name".to_owned(),
            detail,
            code: "invalid_field",
        })?;
        let standing_capacity = check_standing(standing, &plan.categories)?;
        let registered = Event::VenueRegistered {
            organizer_id,
            name: name.clone(),
            size: plan.size,
            focus: plan.focus,
            categories: plan.categories.clone(),
            seats: plan.seats,
            standing_capacity,
        };
        let zones = plan.zones.iter().cloned();
        let areas = standing.iter().cloned();
        Ok(std::iter::once(registered)
            .chain(zones.map(|zone| Event::ZoneAdded { organizer_id, zone }))
            .chain(areas.map(|area| Event::StandingAreaAdded { organizer_id, area }))
            .collect())
    }

    fn evolve(&mut self, event: &Event) {
        match event {
            Event::VenueRegistered {
                organizer_id,
                name,
                size: _,
                focus,
                categories,
                seats,
                standing_capacity,
            } => {
                self.organizer_id = Some(*organizer_id);
                self.name.clone_from(name);
                self.focus = *focus;
                self.categories.clone_from(categories);
                self.seats = *seats;
                self.standing_capacity = *standing_capacity;
            }
            Event::ZoneAdded { zone, .. } => self.zones.push(zone.clone()),
            Event::StandingAreaAdded { area, .. } => self.standing.push(area.clone()),
        }
    }
}

impl cqrs_es::Aggregate for Venue {
    const TYPE: &'static str = <Self as Aggregate>::TYPE;
    type Command = Command;
    type Event = Event;
    type Error = Error;
    type Services = Services;

    async fn handle(
        &mut self,
        command: Command,
        services: &Services,
        sink: &EventSink<Self>,
    ) -> Result<(), Error> {
        aggregate::handle(self, command, services, sink).await
    }

    fn apply(&mut self, event: Event) {
        self.evolve(&event);
    }
}

#[cfg(test)]
mod tests;
