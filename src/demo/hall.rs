//! The hall as the crowd sees it: the plan, read once, and the status of each place as each fan last saw it.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use serde::Deserialize;

use super::fan::Ending;
use crate::{catalogue::CAPACITY, driver::Random};

/// Of a hundred fans, so many would rather stand; about as many as there are standing places.
const STANDS_PERCENT: u64 = 17;
/// Of a hundred others, so many point at exact seats; the rest take what is best.
const POINTS_AT_SEATS_PERCENT: u64 = 30;

/// The seat map's answer, as far as the plan goes.
#[derive(Deserialize)]
struct Map {
    seats: Vec<Seat>,
    standing: Vec<Area>,
}

#[derive(Deserialize)]
struct Seat {
    seat_guid: String,
    category: String,
}

#[derive(Deserialize)]
struct Area {
    name: String,
    category: String,
}

/// The small answer for polling: a letter for each seat, in plan order.
#[derive(Deserialize)]
struct Statuses<'a> {
    #[serde(borrow)]
    statuses: std::borrow::Cow<'a, str>,
    standing: Vec<Left>,
}

#[derive(Deserialize)]
struct Left {
    name: String,
    available: u32,
}

/// What never changes.
#[derive(Debug)]
pub(super) struct Plan {
    /// Ids in plan order, with the number of the category.
    seats: Vec<(String, usize)>,
    categories: Vec<String>,
    /// Categories of the standing areas by name.
    standing: BTreeMap<String, String>,
}

/// What a fan saw to be free.
#[derive(Debug, Default)]
pub(super) struct Free {
    /// Places in the plan by category, in plan order: neighbours stand together. No category is empty.
    seats: BTreeMap<usize, Vec<usize>>,
    /// Category and number of the first standing area with room.
    standing: Option<(String, u32)>,
    places: u32,
}

/// Which places a fan goes for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Seats(Vec<String>),
    BestAvailable { category: String, quantity: u32 },
    Standing { category: String, quantity: u32 },
}

impl Plan {
    /// Reads the answer to `GET /v1/shows/{id}/seats`.
    pub(super) fn read(json: &[u8]) -> serde_json::Result<Self> {
        let map: Map = serde_json::from_slice(json)?;
        let mut categories = Vec::new();
        let mut number = |category: String| {
            let known = categories.iter().position(|known| *known == category);
            known.unwrap_or_else(|| {
                categories.push(category);
                categories.len() - 1
            })
        };
        let seats = map.seats.into_iter();
        let seats = seats
            .map(|seat| (seat.seat_guid, number(seat.category)))
            .collect();
        let standing = map.standing.into_iter();
        Ok(Self {
            seats,
            categories,
            standing: standing.map(|area| (area.name, area.category)).collect(),
        })
    }

    /// Reads the answer to `GET /v1/shows/{id}/seats/status`.
    pub(super) fn free(&self, json: &[u8]) -> serde_json::Result<Free> {
        let now: Statuses<'_> = serde_json::from_slice(json)?;
        let mut free = Free::default();
        for (place, (status, (_, category))) in now.statuses.bytes().zip(&self.seats).enumerate() {
            if status == b'a' {
                free.seats.entry(*category).or_default().push(place);
                free.places += 1;
            }
        }
        for area in now.standing.into_iter().filter(|area| area.available > 0) {
            free.places += area.available;
            if let Some(category) = self.standing.get(&area.name) {
                free.standing = Some((category.clone(), area.available));
            }
        }
        Ok(free)
    }

    /// Something that a fan who wants `quantity` places can go for, fewer where there are not enough. `None` where nothing is free.
    pub(super) fn wish(&self, free: &Free, quantity: u32, random: &mut Random) -> Option<Wish> {
        if let Some((category, left)) = &free.standing
            && (free.seats.is_empty() || random.percent(STANDS_PERCENT))
        {
            return Some(Wish::Standing {
                category: category.clone(),
                quantity: quantity.min(*left),
            });
        }
        if free.seats.is_empty() {
            return None;
        }
        let (category, places) = free.seats.iter().nth(random.index(free.seats.len()))?;
        let wanted = usize::try_from(quantity).ok()?.min(places.len());
        if random.percent(POINTS_AT_SEATS_PERCENT) {
            let first = random.index(places.len() - wanted + 1);
            let chosen = places.iter().skip(first).take(wanted);
            let ids = chosen.map(|place| self.seats[*place].0.clone());
            return Some(Wish::Seats(ids.collect()));
        }
        Some(Wish::BestAvailable {
            category: self.categories[*category].clone(),
            quantity: u32::try_from(wanted).ok()?,
        })
    }
}

impl Free {
    /// How many places are free.
    pub(super) fn places(&self) -> u32 {
        self.places
    }
}

/// How the on-sale goes.
#[derive(Debug, Default)]
pub(super) struct Tally {
    sold: AtomicU32,
    endings: Mutex<BTreeMap<&'static str, u32>>,
}

impl Tally {
    /// Counts a fan who goes home.
    pub(super) fn count(&self, ending: Ending) {
        if let Ending::Bought(places) = ending {
            self.sold.fetch_add(places, Ordering::Relaxed);
        }
        let mut endings = self
            .endings
            .lock()
            .expect("no holder of this lock can panic");
        *endings.entry(ending.name()).or_default() += 1;
    }

    /// Places paid for so far.
    pub(super) fn sold(&self) -> u32 {
        self.sold.load(Ordering::Relaxed)
    }

    pub(super) fn sold_out(&self) -> bool {
        self.sold() >= CAPACITY
    }

    /// Fans by how their evening ended.
    pub(super) fn endings(&self) -> BTreeMap<&'static str, u32> {
        self.endings
            .lock()
            .expect("no holder of this lock can panic")
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let map = br#"{"show_id": "x", "position": 3, "seats": [
            {"seat_guid": "a", "category": "A", "status": "available", "price": 3},
            {"seat_guid": "b", "category": "A", "status": "held", "price": 3}],
            "standing": [{"name": "Pit", "category": "S", "price": 1, "available": 2}]}"#;
        Plan::read(map).unwrap()
    }

    #[test]
    fn a_fan_adapts_to_what_is_left() {
        let (plan, mut random) = (plan(), Random::new(1));
        let status = br#"{"statuses": "ah", "standing": [{"name": "Pit", "available": 2}]}"#;
        let free = plan.free(status).unwrap();
        assert_eq!(free.places(), 3);
        for _ in 0..100 {
            match plan.wish(&free, 4, &mut random).unwrap() {
                Wish::Seats(seats) => assert_eq!(seats, ["a"]),
                Wish::BestAvailable { category, quantity } => {
                    assert_eq!((category.as_str(), quantity), ("A", 1));
                }
                Wish::Standing { category, quantity } => {
                    assert_eq!((category.as_str(), quantity), ("S", 2));
                }
            }
        }
    }

    #[test]
    fn nothing_free_is_nothing_to_wish_for() {
        let (plan, mut random) = (plan(), Random::new(1));
        let status = br#"{"statuses": "sh", "standing": [{"name": "Pit", "available": 0}]}"#;
        let free = plan.free(status).unwrap();
        assert_eq!(plan.wish(&free, 1, &mut random), None);
    }
}
