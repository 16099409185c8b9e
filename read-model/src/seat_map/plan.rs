//! A show's seating plan, as its seat map needs it: written once, shared by every copy of the map.

use std::collections::BTreeMap;

use domain::{
    points::Points,
    seating::{StandingArea, ZonePart},
};
use serde::{Deserialize, Serialize};

/// A category and its price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Category {
    /// Name.
    pub name: Box<str>,
    /// Price of one place.
    pub price: Points,
}

/// A standing area and its price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Area {
    /// Name.
    pub name: Box<str>,
    /// Its category: no seat and no other area shares it.
    pub category: Box<str>,
    /// Price of one place.
    pub price: Points,
    /// Places.
    pub capacity: u32,
}

/// A zone. JSON: `[0, "Parkett"]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Zone(
    /// Index in the venue's plan.
    u16,
    /// Name.
    Box<str>,
);

/// A row. JSON: `[0, "A"]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Row(
    /// Index into the zones.
    u32,
    /// Row number.
    Box<str>,
);

/// A seat. JSON: `["A-1-7", "7", 0, 0, 12000, 4500]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seat(
    /// `seat_guid`.
    Box<str>,
    /// Seat number.
    Box<str>,
    /// Index into the rows.
    u32,
    /// Index into the categories.
    u16,
    /// Place to the right, in hundredths of the plan's unit.
    i64,
    /// Place downwards, likewise.
    i64,
);

/// What never changes about a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanSeat<'a> {
    /// Unique in the plan.
    pub seat_guid: &'a str,
    /// Zone name.
    pub zone: &'a str,
    /// Row number.
    pub row: &'a str,
    /// Seat number.
    pub number: &'a str,
    /// Category name.
    pub category: &'a str,
    /// Price.
    pub price: Points,
    /// Place to the right, in hundredths of the plan's unit.
    pub x: i64,
    /// Place downwards, likewise.
    pub y: i64,
}

/// A show's seats, in plan order, and standing areas.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Plan {
    prices: BTreeMap<Box<str>, Points>,
    categories: Vec<Category>,
    zones: Vec<Zone>,
    rows: Vec<Row>,
    seats: Vec<Seat>,
    standing: Vec<Area>,
    /// Indices of the seats, sorted by `seat_guid`: four bytes a seat, where a hash map would store each id again.
    #[serde(skip)]
    by_guid: Vec<u32>,
}

/// [`Plan`] without what follows from the rest.
#[derive(Deserialize)]
struct Stored {
    prices: BTreeMap<Box<str>, Points>,
    categories: Vec<Category>,
    zones: Vec<Zone>,
    rows: Vec<Row>,
    seats: Vec<Seat>,
    standing: Vec<Area>,
}

impl From<Stored> for Plan {
    fn from(stored: Stored) -> Self {
        let mut plan = Self {
            prices: stored.prices,
            categories: stored.categories,
            zones: stored.zones,
            rows: stored.rows,
            seats: stored.seats,
            standing: stored.standing,
            by_guid: Vec::new(),
        };
        plan.sort_index();
        plan
    }
}

impl Plan {
    /// Number of seats.
    pub fn len(&self) -> usize {
        self.seats.len()
    }

    /// Whether there are no numbered seats.
    pub fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// The seat at `index` in plan order.
    pub fn seat(&self, index: usize) -> Option<PlanSeat<'_>> {
        let Seat(guid, number, row, category, x, y) = self.seats.get(index)?;
        let Row(zone, row) = self.rows.get(*row as usize)?;
        let Zone(_, zone) = self.zones.get(*zone as usize)?;
        let category = self.categories.get(usize::from(*category))?;
        Some(PlanSeat {
            seat_guid: guid,
            zone,
            row,
            number,
            category: &category.name,
            price: category.price,
            x: *x,
            y: *y,
        })
    }

    /// Place of a seat in plan order.
    pub fn find(&self, seat_guid: &str) -> Option<usize> {
        self.by_guid
            .binary_search_by(|&index| (*self.seats[index as usize].0).cmp(seat_guid))
            .ok()
            .map(|found| self.by_guid[found] as usize)
    }

    /// Seat categories, in plan order.
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// Standing areas, in plan order.
    pub fn standing(&self) -> &[Area] {
        &self.standing
    }

    /// Index into the categories of the seat at `index`.
    pub(super) fn category_of(&self, index: usize) -> usize {
        usize::from(self.seats[index].3)
    }

    /// Prices by category; a category without one costs nothing.
    pub(super) fn set_categories(&mut self, names: &[String], prices: &BTreeMap<String, Points>) {
        self.prices = prices
            .iter()
            .map(|(name, price)| (name.as_str().into(), *price))
            .collect();
        self.categories = names
            .iter()
            .map(|name| Category {
                name: name.as_str().into(),
                price: self.price(name),
            })
            .collect();
    }

    pub(super) fn add_area(&mut self, area: &StandingArea) {
        self.standing.push(Area {
            name: area.name.as_str().into(),
            category: area.category.as_str().into(),
            price: self.price(&area.category),
            capacity: area.capacity,
        });
    }

    fn price(&self, category: &str) -> Points {
        self.prices.get(category).copied().unwrap_or_default()
    }

    /// Appends a part of a zone; answers with the number of seats in it.
    pub(super) fn add_zone(&mut self, part: &ZonePart) -> usize {
        if self
            .zones
            .last()
            .is_none_or(|zone| zone.0 != part.zone_index)
        {
            self.zones
                .push(Zone(part.zone_index, part.zone.as_str().into()));
        }
        let before = self.seats.len();
        for (n, row) in part.rows.iter().enumerate() {
            if !(n == 0 && part.continued) {
                let zone = index_u32(self.zones.len() - 1);
                self.rows.push(Row(zone, row.row.as_str().into()));
            }
            let row_index = index_u32(self.rows.len().saturating_sub(1));
            self.seats.extend(row.seats.iter().map(|seat| {
                let domain::seating::Seat(guid, number, category, x, y) = seat;
                Seat(
                    guid.as_str().into(),
                    number.as_str().into(),
                    row_index,
                    *category,
                    *x,
                    *y,
                )
            }));
        }
        self.sort_index();
        self.seats.len() - before
    }

    fn sort_index(&mut self) {
        let from = index_u32(self.by_guid.len());
        self.by_guid.extend(from..index_u32(self.seats.len()));
        let seats = &self.seats;
        self.by_guid
            .sort_by(|a, b| seats[*a as usize].0.cmp(&seats[*b as usize].0));
    }
}

fn index_u32(index: usize) -> u32 {
    u32::try_from(index).expect("a plan has at most 50,000 seats")
}
