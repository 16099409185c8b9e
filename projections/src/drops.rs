//! Drops and their entries: the drop's own events alone.

use domain::{
    drop::{
        DrawResult, Event as DropEvent, Settlement, Status,
        event::{Drawn, Entrant, Settled, Standby},
    },
    ids::{DropEntryId, DropId},
    stored::DomainEvent,
};
use read_model::{
    ProjectionId, Rows,
    tables::{Drop, DropEntry},
};

use crate::{Effect, Error, Event, Needs, Projection};

/// Drops.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drops;

/// The drop's event, where it is one.
fn drop_event(event: &DomainEvent) -> Option<&DropEvent> {
    match event {
        DomainEvent::Drop(event) => Some(event),
        DomainEvent::Venue(_)
        | DomainEvent::Concert(_)
        | DomainEvent::Show(_)
        | DomainEvent::Payment(_)
        | DomainEvent::PointAccount(_)
        | DomainEvent::Customer(_)
        | DomainEvent::Operation(_)
        | DomainEvent::WaitingRoom(_) => None,
    }
}

/// The entries that an event changes; those that it makes are told apart.
fn touched(event: &DropEvent) -> (bool, Vec<DropEntryId>) {
    match event {
        DropEvent::EntriesRecorded { entries, .. } => {
            (true, entries.iter().map(|entry| entry.entry_id).collect())
        }
        DropEvent::EntriesDrawn { drawn, .. } => {
            (false, drawn.iter().map(|entry| entry.entry_id).collect())
        }
        DropEvent::WinnersSettled {
            settled, promoted, ..
        } => {
            let settled = settled.iter().map(|entry| entry.entry_id);
            let promoted = promoted.iter().map(|entry| entry.entry_id);
            (false, settled.chain(promoted).collect())
        }
        DropEvent::StandbysDismissed { dismissed, .. } => (
            false,
            dismissed.iter().map(|entry| entry.entry_id).collect(),
        ),
        DropEvent::DropOpened { .. }
        | DropEvent::DropClosed { .. }
        | DropEvent::EntriesSealed { .. }
        | DropEvent::BeaconRecorded { .. }
        | DropEvent::SecretRevealed { .. } => (false, Vec::new()),
    }
}

impl Projection for Drops {
    fn id(&self) -> ProjectionId {
        ProjectionId::Drops
    }

    fn needs(&self, event: &Event, needs: &mut Needs) {
        let Some(drop) = drop_event(&event.event) else {
            return;
        };
        let opens = matches!(drop, DropEvent::DropOpened { .. });
        needs.fair_drop(DropId(event.id), Effect::makes(opens));
        let (makes, entries) = touched(drop);
        for entry in entries {
            needs.drop_entry(entry, Effect::makes(makes));
        }
    }

    fn apply(&self, event: &Event, rows: &mut Rows) -> Result<(), Error> {
        let Some(drop) = drop_event(&event.event) else {
            return Ok(());
        };
        let id = DropId(event.id);
        if let Some(row) = opened(id, event, drop) {
            rows.drops.insert(id, row);
            return Ok(());
        }
        // All that is changed must be there before anything is.
        if !rows.drops.contains_key(&id) {
            return Err(event.missing("drops", id));
        }
        let (makes, entries) = touched(drop);
        let absent = |entry: &&DropEntryId| !rows.drop_entries.contains_key(entry);
        if let Some(absent) = entries.iter().find(absent).filter(|_| !makes) {
            return Err(event.missing("drop_entries", absent));
        }
        if let Some(row) = rows.drops.get_mut(&id) {
            change(row, event, drop);
        }
        change_entries(rows, id, event, drop);
        Ok(())
    }
}

fn opened(id: DropId, event: &Event, drop: &DropEvent) -> Option<Drop> {
    let DropEvent::DropOpened {
        organizer_id,
        title,
        stock,
        win_probability,
        price,
        opens_at,
        closes_at,
        draw,
        commitment,
        beacon,
        show_id,
    } = drop
    else {
        return None;
    };
    Some(Drop {
        drop_id: id,
        organizer_id: *organizer_id,
        title: title.clone(),
        stock: *stock,
        win_probability: win_probability.to_string(),
        price: *price,
        opens_at: *opens_at,
        closes_at: *closes_at,
        draw: *draw,
        commitment: commitment.clone(),
        beacon: beacon.clone(),
        beacon_value: None,
        beacon_signature: None,
        beacon_at: None,
        beacon_in_hand: false,
        show_id: *show_id,
        close_reason: None,
        closed_at: None,
        root: None,
        sealed_at: None,
        entries: 0,
        drawn: 0,
        winning: 0,
        stock_left: *stock,
        paid: 0,
        forfeited: 0,
        secret: None,
        position: event.position,
    })
}

fn counted(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn change(row: &mut Drop, event: &Event, drop: &DropEvent) {
    row.position = event.position;
    match drop {
        DropEvent::DropOpened { .. } | DropEvent::StandbysDismissed { .. } => {}
        DropEvent::EntriesRecorded { entries, .. } => row.entries += counted(entries.len()),
        DropEvent::DropClosed {
            reason,
            closed_at,
            beacon_in_hand,
            ..
        } => {
            row.close_reason = Some(*reason);
            row.closed_at = Some(*closed_at);
            row.beacon_in_hand = *beacon_in_hand;
        }
        DropEvent::EntriesSealed { root, .. } => {
            row.root = Some(root.clone());
            row.sealed_at = Some(event.recorded_at);
        }
        DropEvent::BeaconRecorded {
            value, signature, ..
        } => {
            row.beacon_value = Some(value.clone());
            row.beacon_signature.clone_from(signature);
            row.beacon_at = Some(event.recorded_at);
        }
        DropEvent::EntriesDrawn {
            drawn, stock_left, ..
        } => {
            row.drawn += counted(drawn.len());
            let winning = drawn.iter().filter(|entry| entry.place.is_some());
            row.winning += counted(winning.count());
            row.stock_left = *stock_left;
        }
        DropEvent::WinnersSettled {
            settled,
            stock_left,
            ..
        } => {
            let of = |outcome| settled.iter().filter(move |entry| entry.outcome == outcome);
            row.paid += counted(of(Settlement::Paid).count());
            row.forfeited += counted(of(Settlement::Forfeited).count());
            row.stock_left = *stock_left;
        }
        DropEvent::SecretRevealed { secret, .. } => row.secret = Some(secret.clone()),
    }
}

fn change_entries(rows: &mut Rows, id: DropId, event: &Event, drop: &DropEvent) {
    match drop {
        DropEvent::EntriesRecorded { first, entries, .. } => {
            for (number, entrant) in (*first..).zip(entries) {
                let row = entered(id, event, number, entrant);
                rows.drop_entries.insert(entrant.entry_id, row);
            }
        }
        DropEvent::EntriesDrawn { drawn, .. } => {
            for entry in drawn {
                update(rows, event, entry.entry_id, |row| draw(row, entry));
            }
        }
        DropEvent::WinnersSettled {
            settled, promoted, ..
        } => {
            for entry in settled {
                update(rows, event, entry.entry_id, |row| settle(row, entry));
            }
            for Standby { entry_id, .. } in promoted {
                update(rows, event, *entry_id, |row| row.status = Status::Won);
            }
        }
        DropEvent::StandbysDismissed { dismissed, .. } => {
            for Standby { entry_id, .. } in dismissed {
                update(rows, event, *entry_id, |row| row.status = Status::Lost);
            }
        }
        DropEvent::DropOpened { .. }
        | DropEvent::DropClosed { .. }
        | DropEvent::EntriesSealed { .. }
        | DropEvent::BeaconRecorded { .. }
        | DropEvent::SecretRevealed { .. } => {}
    }
}

fn entered(drop_id: DropId, event: &Event, number: u32, entrant: &Entrant) -> DropEntry {
    DropEntry {
        entry_id: entrant.entry_id,
        drop_id,
        customer_id: entrant.customer_id,
        number,
        status: Status::Entered,
        lot: None,
        place: None,
        code: None,
        entered_at: event.recorded_at,
        updated_at: event.recorded_at,
        position: event.position,
    }
}

fn update(rows: &mut Rows, event: &Event, id: DropEntryId, change: impl FnOnce(&mut DropEntry)) {
    if let Some(row) = rows.drop_entries.get_mut(&id) {
        change(row);
        row.updated_at = event.recorded_at;
        row.position = event.position;
    }
}

fn draw(row: &mut DropEntry, drawn: &Drawn) {
    row.lot = Some(drawn.lot);
    row.place = drawn.place;
    row.status = match drawn.result {
        DrawResult::Won => Status::Won,
        DrawResult::Standby => Status::Standby,
        DrawResult::Lost => Status::Lost,
    };
}

fn settle(row: &mut DropEntry, settled: &Settled) {
    match settled.outcome {
        Settlement::Paid => row.status = Status::Paid,
        Settlement::Forfeited => {
            row.status = Status::Forfeited;
            row.code.clone_from(&settled.code);
        }
        // That nobody is left debited is no news to the one who forfeited.
        Settlement::Released => {}
    }
}
