//! A concert: the act and its text. When and where it plays is a show's.

pub mod command;
pub mod error;
pub mod event;
pub mod upcast;

use cqrs_es::event_sink::EventSink;
use serde::{Deserialize, Serialize};

pub use self::{command::Command, error::Error, event::Event};
use crate::{
    aggregate::{self, Aggregate, Services},
    ids::OrganizerId,
    text::{check_line, check_text},
    time::Timestamp,
};

/// Most bytes of a title or an artist: a line on a ticket.
pub const MAX_TITLE_BYTES: usize = 200;
/// Most bytes of a description: a few pages, and far below what one event may weigh.
pub const MAX_DESCRIPTION_BYTES: usize = 10_000;

/// A concert.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Concert {
    /// Whose it is; `None` before it is announced.
    pub organizer_id: Option<OrganizerId>,
    /// Title.
    pub title: String,
    /// Artist.
    pub artist: String,
    /// Free text.
    pub description: Option<String>,
}

fn check(title: &str, artist: &str, description: Option<&str>) -> Result<(), Error> {
    let refuse = |at| move |detail| Error::Invalid { at, detail };
    check_line(title, MAX_TITLE_BYTES).map_err(refuse("title"))?;
    check_line(artist, MAX_TITLE_BYTES).map_err(refuse("artist"))?;
    match description {
        None | Some("") => Ok(()),
        Some(text) => check_text(text, MAX_DESCRIPTION_BYTES).map_err(refuse("description")),
    }
}

impl Aggregate for Concert {
    const TYPE: &'static str = "concert";
    const SNAPSHOT_SCHEMA: u32 = 1;
    type Command = Command;
    type Event = Event;
    type Error = Error;

    fn decide(&self, command: &Command, _now: Timestamp) -> Result<Vec<Event>, Error> {
        match command {
            Command::Announce {
                organizer_id,
                title,
                artist,
                description,
            } => {
                if self.organizer_id.is_some() {
                    return Err(Error::AlreadyAnnounced);
                }
                check(title, artist, description.as_deref())?;
                Ok(vec![Event::ConcertAnnounced {
                    organizer_id: *organizer_id,
                    title: title.clone(),
                    artist: artist.clone(),
                    description: description.clone(),
                }])
            }
            Command::Revise {
                organizer_id,
                title,
                artist,
                description,
            } => {
                if self.organizer_id != Some(*organizer_id) {
                    return Err(Error::NotFound);
                }
                check(title, artist, description.as_deref())?;
                Ok(vec![Event::ConcertRevised {
                    organizer_id: *organizer_id,
                    title: title.clone(),
                    artist: artist.clone(),
                    description: description.clone(),
                }])
            }
        }
    }

    fn evolve(&mut self, event: &Event) {
        match event {
            Event::ConcertAnnounced {
                organizer_id,
                title,
                artist,
                description,
            }
            | Event::ConcertRevised {
                organizer_id,
                title,
                artist,
                description,
            } => {
                self.organizer_id = Some(*organizer_id);
                self.title.clone_from(title);
                self.artist.clone_from(artist);
                self.description.clone_from(description);
            }
        }
    }
}

impl cqrs_es::Aggregate for Concert {
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
