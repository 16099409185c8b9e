//! The steps of drops, known again by what they are named for: how many were drawn before, what was recorded of winners, or who was the next.

use std::collections::HashMap;

use command_api::{
    commands::step_id,
    deciding::decode,
    drops::{dismiss_step, settle_step},
};
use domain::{
    Aggregate,
    drop::{Event, FairDrop},
};
use event_store::RecordedEvent;
use uuid::Uuid;

use crate::rehearsal::outcome;

/// Follows the drops through the log.
#[derive(Debug, Default)]
pub(super) struct DropSteps {
    /// How many entries of each were drawn so far: sixteen bytes and four for each drop.
    drawn: HashMap<Uuid, u32>,
}

impl DropSteps {
    /// Whether an event is of a step that the process manager takes. One that records less than it was asked for, because another leader
    /// had recorded the rest, is not found: it is named for all of it. Taking it again changes nothing, whether it is known or not.
    pub(super) fn is_step(&self, event: &RecordedEvent) -> anyhow::Result<bool> {
        let Some((id, told)) = drop_event(event)? else {
            return Ok(false);
        };
        let step = match told {
            Event::EntriesSealed { .. } => "seal".to_owned(),
            Event::EntriesDrawn { .. } => {
                format!("draw/{}", self.drawn.get(&id).copied().unwrap_or_default())
            }
            Event::WinnersSettled { settled, .. } => {
                let outcomes: Vec<_> = settled
                    .iter()
                    .map(|one| (one.index, outcome(one)))
                    .collect();
                settle_step(&outcomes)
            }
            Event::StandbysDismissed { dismissed, .. } => {
                let Some(first) = dismissed.first() else {
                    return Ok(false);
                };
                dismiss_step(first.entry_id)
            }
            Event::SecretRevealed { .. } => "reveal".to_owned(),
            Event::DropOpened { .. }
            | Event::EntriesRecorded { .. }
            | Event::DropClosed { .. }
            | Event::BeaconRecorded { .. } => return Ok(false),
        };
        Ok(step_id(id, &step) == event.command_id)
    }

    /// Takes account of an event.
    pub(super) fn apply(&mut self, event: &RecordedEvent) -> anyhow::Result<()> {
        if let Some((id, Event::EntriesDrawn { drawn, .. })) = drop_event(event)? {
            *self.drawn.entry(id).or_default() += u32::try_from(drawn.len()).unwrap_or(u32::MAX);
        }
        Ok(())
    }
}

fn drop_event(event: &RecordedEvent) -> anyhow::Result<Option<(Uuid, Event)>> {
    if &*event.stream.aggregate_type != FairDrop::TYPE {
        return Ok(None);
    }
    let id = event.stream.aggregate_id.parse()?;
    let told = decode::<FairDrop>(event).map_err(anyhow::Error::msg)?;
    Ok(Some((id, told)))
}
