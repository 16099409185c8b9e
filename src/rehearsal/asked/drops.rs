//! Commands on a drop.

use domain::drop::{
    Command, Drawn, Entering, Entrant, Event, FairDrop, Open, Outcome, Settlement,
    event::{CloseReason, Settled},
};

use super::Asked;

impl Asked for FairDrop {
    fn asked(&self, events: &[Event]) -> Option<Command> {
        if let [
            Event::EntriesRecorded { entries, .. },
            Event::EntriesDrawn { drawn, .. },
        ] = events
        {
            return enter(entries, Some(drawn));
        }
        let [event] = events else { return None };
        Some(match event {
            Event::DropOpened { .. } => open(event)?,
            Event::EntriesRecorded { entries, .. } => enter(entries, None)?,
            Event::DropClosed {
                organizer_id,
                reason: CloseReason::Organizer,
                beacon_in_hand,
                ..
            } => Command::Close {
                organizer_id: *organizer_id,
                beacon_in_hand: *beacon_in_hand,
            },
            // Time, or an empty stock, closes it whatever was asked.
            Event::DropClosed { .. } => return None,
            Event::EntriesSealed { entries, root, .. } => Command::Seal {
                root: root.clone(),
                entries: *entries,
            },
            Event::BeaconRecorded {
                organizer_id,
                value,
                signature,
                ..
            } => Command::RecordBeacon {
                organizer_id: *organizer_id,
                value: value.clone(),
                signature: signature.clone(),
            },
            Event::EntriesDrawn { drawn, .. } => Command::Draw {
                from: self.view()?.drawn,
                lots: drawn.iter().map(|drawn| (drawn.index, drawn.lot)).collect(),
            },
            Event::WinnersSettled { settled, .. } => Command::Settle {
                outcomes: settled
                    .iter()
                    .map(|settled| (settled.index, outcome(settled)))
                    .collect(),
            },
            Event::StandbysDismissed { .. } => Command::Dismiss,
            Event::SecretRevealed { secret, .. } => Command::Reveal {
                secret: secret.clone(),
            },
        })
    }
}

fn enter(entries: &[Entrant], drawn: Option<&[Drawn]>) -> Option<Command> {
    if drawn.is_some_and(|drawn| drawn.len() != entries.len()) {
        return None;
    }
    let entering = entries.iter().enumerate().map(|(at, entrant)| Entering {
        entrant: *entrant,
        lot: drawn.and_then(|drawn| drawn.get(at)).map(|drawn| drawn.lot),
    });
    Some(Command::Enter {
        entering: entering.collect(),
    })
}

/// What was answered when a winner was asked, or a forfeited one released.
pub(crate) fn outcome(settled: &Settled) -> Outcome {
    match settled.outcome {
        Settlement::Paid => Outcome::Paid,
        Settlement::Forfeited => Outcome::Forfeited {
            code: settled.code.clone().unwrap_or_default(),
        },
        Settlement::Released => Outcome::Released,
    }
}

fn open(event: &Event) -> Option<Command> {
    let Event::DropOpened {
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
    } = event.clone()
    else {
        return None;
    };
    Some(Command::Open(Box::new(Open {
        organizer_id,
        title,
        stock,
        win_probability: win_probability.into(),
        price,
        opens_at,
        closes_at,
        draw,
        beacon,
        show_id,
        commitment,
    })))
}
