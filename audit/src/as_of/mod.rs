//! The read model as it was: any row, at a position of the log or at a time.
//!
//! A row is folded afresh from the few streams that it is about, by the fold that the projections use, up to the moment that is asked
//! for. Nothing is kept for it: a show of 100,000 events is read and folded in well under a second, and a snapshot would have to be
//! of just the right fold and just the right moment.
//!
//! Time runs forward in each stream, not over the whole log: of two streams that different servers wrote, clocks may disagree by a few
//! milliseconds. So a time means, in each stream, everything recorded up to then.

mod gather;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use event_store::{EventLog, RecordedEvent, StreamId};
use projections::{Event, Fold};
use read_model::{ProjectionId, SeatMap, Table};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use self::gather::{Events, Part};
use crate::error::Error;

/// Most rows of one answer: a catalogue, a customer's movements.
pub const MAX_ROWS: usize = 1_000;
/// Events of a drop read at a time: one may have 200 kilobytes.
const DROP_PAGE: usize = 50;

/// When.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Right behind the event at this place in the log.
    Position(u64),
    /// Once everything recorded up to this instant had happened.
    Time(DateTime<Utc>),
}

impl Moment {
    /// The present.
    pub const NOW: Self = Self::Position(u64::MAX);

    /// Whether an event had happened.
    fn shows(self, event: &RecordedEvent) -> bool {
        match self {
            Self::Position(position) => event.position.0 <= position,
            Self::Time(time) => event.recorded_at <= time,
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// All concerts and shows.
    Catalogue,
    /// A concert.
    Concert(Uuid),
    /// A show, its places counted.
    Show(Uuid),
    /// A show's seat map.
    SeatMap(Uuid),
    /// A reservation.
    Reservation(Uuid),
    /// A payment.
    Payment(Uuid),
    /// A customer's points, and what moved them.
    Points(Uuid),
    /// A payment's saga.
    Saga(Uuid),
    /// A drop, its entries counted.
    Drop(Uuid),
}

/// One row.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Row {
    /// Its table in the read model.
    pub table: &'static str,
    /// Its key.
    pub key: String,
    /// The row, as the read model would have it.
    #[schema(value_type = Object)]
    pub row: Value,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Rows {
    /// Place in the log of the last event that made the rows what they are.
    pub position: u64,
    /// The rows; none where there was nothing yet.
    pub items: Vec<Row>,
    /// Whether there were more rows than are ever told.
    pub truncated: bool,
}

/// The rows of a model at a moment.
///
/// # Errors
/// The log can't be read, or an event in it.
pub async fn rows(log: &dyn EventLog, model: Model, moment: Moment) -> Result<Rows, Error> {
    if let Model::SeatMap(show) = model {
        return map_rows(seat_map(log, show, moment).await?.as_ref());
    }
    if let Model::Drop(id) = model {
        return fair_drop(log, id, moment).await;
    }
    let mut events = Events::new(log, moment);
    let (projection, tables, key): (_, &[Table], _) = match model {
        Model::Catalogue => {
            events.catalogue().await?;
            let tables = &[Table::Concerts, Table::Shows];
            (ProjectionId::Catalogue, tables, None)
        }
        Model::Concert(id) => {
            events.add(&stream("concert", id), Part::All).await?;
            (ProjectionId::Catalogue, &[Table::Concerts], Some(id))
        }
        Model::Show(id) | Model::SeatMap(id) | Model::Drop(id) => {
            events.show(id).await?;
            (ProjectionId::Catalogue, &[Table::Shows], Some(id))
        }
        Model::Reservation(id) => {
            events.reservation(id).await?;
            (ProjectionId::Reservations, &[Table::Reservations], Some(id))
        }
        Model::Payment(id) => {
            events.add(&stream("payment", id), Part::All).await?;
            (ProjectionId::Payments, &[Table::Payments], Some(id))
        }
        Model::Points(id) => {
            events.add(&stream("point_account", id), Part::All).await?;
            let tables = &[Table::Accounts, Table::Transactions];
            (ProjectionId::Points, tables, None)
        }
        Model::Saga(id) => {
            events.saga(id).await?;
            (ProjectionId::Sagas, &[Table::Sagas], Some(id))
        }
    };
    let mut answer = folded(&events, projection, tables, key)?;
    if let Model::Show(id) = model
        && let Some(row) = answer.items.first_mut()
        && let Some(map) = seat_map(log, id, moment).await?
    {
        answer.position = answer.position.max(map.position());
        let counts = serde_json::to_value(map.counts());
        row.row["counts"] = counts.map_err(|error| corrupt(&error))?;
    }
    Ok(answer)
}

/// A show's seat map at a moment; none where the show was not there yet.
///
/// # Errors
/// The log can't be read, or an event in it.
pub async fn seat_map(
    log: &dyn EventLog,
    show: Uuid,
    moment: Moment,
) -> Result<Option<SeatMap>, Error> {
    let mut map = SeatMap::new(show.into());
    let mut seen = false;
    gather::each(log, &stream("show", show), moment, gather::PAGE, |event| {
        let event = Event::decode(event)?;
        if let domain::stored::DomainEvent::Show(show) = &event.event {
            map.apply(show, event.position);
            seen = true;
        }
        Ok(())
    })
    .await?;
    Ok(seen.then_some(map))
}

/// A drop at a moment. Its events are large and are folded as they are read; of its entries only their counts are told.
async fn fair_drop(log: &dyn EventLog, id: Uuid, moment: Moment) -> Result<Rows, Error> {
    let mut fold = Fold::default().only(ProjectionId::Drops);
    let mut position = 0;
    gather::each(log, &stream("drop", id), moment, DROP_PAGE, |event| {
        position = event.position.0;
        Ok(fold.apply(event)?)
    })
    .await?;
    let mut items = Vec::new();
    for document in fold.rows().documents(Table::Drops)? {
        items.push(Row {
            table: Table::Drops.name(),
            key: document.key,
            row: serde_json::from_str(&document.json).map_err(|error| corrupt(&error))?,
        });
    }
    Ok(Rows {
        position,
        items,
        truncated: false,
    })
}

/// Folds what was collected, and picks the rows that were asked for.
fn folded(
    events: &Events<'_>,
    projection: ProjectionId,
    tables: &[Table],
    key: Option<Uuid>,
) -> Result<Rows, Error> {
    let mut fold = Fold::default().only(projection);
    let mut position = 0;
    for event in events.in_order() {
        fold.apply(event)?;
        position = event.position.0;
    }
    let key = key.map(|key| key.to_string());
    let mut items = Vec::new();
    let mut truncated = events.is_cut();
    for table in tables {
        let documents = fold.rows().documents(*table)?;
        let wanted = documents
            .into_iter()
            .filter(|document| key.as_ref().is_none_or(|key| *key == document.key));
        for document in wanted {
            truncated |= items.len() >= MAX_ROWS;
            if items.len() < MAX_ROWS {
                items.push(Row {
                    table: table.name(),
                    key: document.key,
                    row: serde_json::from_str(&document.json).map_err(|error| corrupt(&error))?,
                });
            }
        }
    }
    Ok(Rows {
        position,
        items,
        truncated,
    })
}

/// A map as the two tables have it that keep it.
fn map_rows(map: Option<&SeatMap>) -> Result<Rows, Error> {
    let mut rows = read_model::Rows::default();
    rows.seat_maps
        .extend(map.map(|map| (map.show_id(), map.clone())));
    let mut items = Vec::new();
    for table in [Table::SeatPlans, Table::SeatMaps] {
        for document in rows.documents(table)? {
            items.push(Row {
                table: table.name(),
                key: document.key,
                row: serde_json::from_str(&document.json).map_err(|error| corrupt(&error))?,
            });
        }
    }
    Ok(Rows {
        position: map.map_or(0, SeatMap::position),
        items,
        truncated: false,
    })
}

fn corrupt(error: &serde_json::Error) -> Error {
    Error::ReadModel(read_model::Error::Corrupt(error.to_string()))
}

fn stream(kind: &str, id: Uuid) -> StreamId {
    StreamId::new(kind, id.to_string())
}
