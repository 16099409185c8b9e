//! What a drop is opened with, and what it may be.

use serde::{Deserialize, Serialize};

use super::{
    Error, FairDrop, MAX_BEACON_BYTES, MAX_SOURCE_BYTES, MAX_STOCK,
    chains::{RoundTime, round_time},
    command::Open,
    event::{Beacon, DrawMode, Event},
    probability::Probability,
};
use crate::{
    ids::{OrganizerId, ShowId},
    points::{MAX_AMOUNT, Points},
    text::check_line,
    time::{Timestamp, check_year},
};

/// Longest title.
const MAX_TITLE_BYTES: usize = 200;

/// What was announced; never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the event")]
pub struct Terms {
    pub organizer_id: OrganizerId,
    pub title: String,
    pub stock: u32,
    pub win_probability: Probability,
    pub price: Points,
    pub opens_at: Timestamp,
    pub closes_at: Timestamp,
    pub draw: DrawMode,
    pub commitment: String,
    pub beacon: Option<Beacon>,
    pub show_id: Option<ShowId>,
}

impl Terms {
    /// Those of `DropOpened`.
    pub(super) fn of(event: &Event) -> Option<Self> {
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
        } = event
        else {
            return None;
        };
        Some(Self {
            organizer_id: *organizer_id,
            title: title.clone(),
            stock: *stock,
            win_probability: win_probability.clone(),
            price: *price,
            opens_at: *opens_at,
            closes_at: *closes_at,
            draw: *draw,
            commitment: commitment.clone(),
            beacon: beacon.clone(),
            show_id: *show_id,
        })
    }
}

fn invalid(at: &'static str, detail: String) -> Error {
    Error::Invalid { at, detail }
}

/// Checks a beacon's value, and the signature that it was published with.
pub(super) fn check_beacon_value(value: &str, signature: Option<&str>) -> Result<(), Error> {
    for text in [Some(value), signature].into_iter().flatten() {
        check_line(text, MAX_BEACON_BYTES).map_err(|detail| invalid("beacon_value", detail))?;
    }
    Ok(())
}

impl FairDrop {
    pub(super) fn open(&self, open: &Open, now: Timestamp) -> Result<Vec<Event>, Error> {
        if self.terms.is_some() {
            return Err(Error::AlreadyOpened);
        }
        check_line(&open.title, MAX_TITLE_BYTES).map_err(|detail| invalid("title", detail))?;
        let win_probability: Probability = open
            .win_probability
            .parse()
            .map_err(|error| invalid("win_probability", format!("{error}")))?;
        if !(1..=MAX_STOCK).contains(&open.stock) {
            let detail = format!("must be 1 to {MAX_STOCK}, is {}", open.stock);
            return Err(invalid("stock", detail));
        }
        if !(0..=MAX_AMOUNT).contains(&open.price) {
            let detail = format!("must be 0 to {MAX_AMOUNT}, is {}", open.price);
            return Err(invalid("price", detail));
        }
        for (at, instant) in [("opens_at", open.opens_at), ("closes_at", open.closes_at)] {
            check_year(instant).map_err(|detail| invalid(at, detail))?;
        }
        if open.closes_at <= open.opens_at || open.closes_at <= now {
            let detail = "must be in the future and after opens_at".to_owned();
            return Err(invalid("closes_at", detail));
        }
        check_beacon(open)?;
        Ok(vec![Event::DropOpened {
            organizer_id: open.organizer_id,
            title: open.title.clone(),
            stock: open.stock,
            win_probability,
            price: open.price,
            opens_at: open.opens_at,
            closes_at: open.closes_at,
            draw: open.draw,
            commitment: open.commitment.clone(),
            beacon: open.beacon.clone(),
            show_id: open.show_id,
        }])
    }
}

fn check_beacon(open: &Open) -> Result<(), Error> {
    let Some(beacon) = &open.beacon else {
        return Ok(());
    };
    if open.draw == DrawMode::OnEntry {
        let detail = "can't be waited for where each entry is drawn as it comes".to_owned();
        return Err(invalid("beacon", detail));
    }
    check_line(&beacon.source, MAX_SOURCE_BYTES)
        .map_err(|detail| invalid("beacon.source", detail))?;
    if beacon.round == 0 {
        return Err(invalid("beacon.round", "must be 1 or more".to_owned()));
    }
    // The draw could be computed before entries close, or never: no proof of it would be accepted.
    let (round, closes_at) = (beacon.round, open.closes_at);
    let detail = match round_time(&beacon.source, round) {
        RoundTime::At(at) if at > closes_at => return Ok(()),
        RoundTime::Unknown => return Ok(()),
        RoundTime::At(at) => format!("round {round} is published at {at}, not after closes_at"),
        RoundTime::Never => format!("round {round} is never published"),
    };
    Err(invalid("beacon.round", detail))
}
