//! A seating plan as it is imported: checked whole, told where it is wrong, then stored as integers and short strings.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use crate::{
    seating::{Point, Row, Seat, ZonePart},
    venue::{
        Error,
        json::{
            Place, array, check_depth, coordinate, invalid, label, object, point, position,
            wrong_type,
        },
        parts::Parts,
    },
};

/// Most seats that one plan may have.
pub const MAX_SEATS: usize = 50_000;
/// Most zones that one plan may have: each becomes an event of its own.
pub const MAX_ZONES: usize = 2_000;
/// Most rows that one plan may have.
pub const MAX_ROWS: usize = MAX_SEATS;
/// Most categories that one plan may have: a show must name a price for each within one request body.
pub const MAX_CATEGORIES: usize = 500;
/// Most seats in one part of a zone.
pub const MAX_PART_SEATS: usize = 2_000;

/// A checked seating plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatingPlan {
    /// Extent, in hundredths of the plan's unit.
    pub size: Point,
    /// What the best seats are near to.
    pub focus: Point,
    /// Seat categories in plan order.
    pub categories: Vec<String>,
    /// Zone parts in plan order, at most 2,000 seats each.
    pub zones: Vec<ZonePart>,
    /// Numbered seats.
    pub seats: u32,
}

impl SeatingPlan {
    /// Reads the open seating-plan JSON (`size`, `categories`, `zones[].rows[].seats[]`); unknown fields are ignored.
    /// The focus is the middle of `size` until [`Self::with_focus`] says otherwise; a plan without `size` is as large
    /// as its seats reach.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the place, as a path from `seating_plan`, and a stable code.
    pub fn parse(plan: &Value) -> Result<Self, Error> {
        check_depth(plan)?;
        let root = object(plan, Place::Root)?;
        let categories = read_categories(root)?;
        let mut reader = Reader::new(&categories);
        for (z, zone) in array(root, "zones", Place::Root)?.iter().enumerate() {
            reader.zone(z, zone)?;
        }
        if reader.guids.is_empty() {
            return Err(Error::Invalid {
                at: "seating_plan".to_owned(),
                detail: "the plan has no seats".to_owned(),
                code: "empty_seating_plan",
            });
        }
        let size = match root.get("size") {
            Some(_) => point(root, "size", ["width", "height"], Place::Root)?,
            None => reader.extent,
        };
        Ok(Self {
            size,
            focus: Point {
                x: size.x / 2,
                y: size.y / 2,
            },
            seats: reader.seats,
            zones: reader.parts,
            categories,
        })
    }

    /// Replaces the focus by `{"x": ..., "y": ...}` in the plan's unit, as it arrives beside the plan.
    ///
    /// # Errors
    /// [`Error::Invalid`] at `focus`.
    pub fn with_focus(mut self, focus: &Value) -> Result<Self, Error> {
        let object = focus
            .as_object()
            .ok_or_else(|| invalid("focus".to_owned(), wrong_type("an object", focus)))?;
        let read = |key: &str| {
            let at = || format!("focus.{key}");
            let value = object
                .get(key)
                .ok_or_else(|| invalid(at(), "is missing".to_owned()))?;
            coordinate(value).map_err(|detail| invalid(at(), detail))
        };
        self.focus = Point {
            x: read("x")?,
            y: read("y")?,
        };
        Ok(self)
    }
}

/// What is gathered while the zones are read.
struct Reader<'a> {
    categories: HashMap<&'a str, u16>,
    guids: HashSet<&'a str>,
    seats: u32,
    rows: usize,
    extent: Point,
    parts: Vec<ZonePart>,
}

impl<'a> Reader<'a> {
    fn new(categories: &'a [String]) -> Self {
        let index = categories
            .iter()
            .zip(0..)
            .map(|(name, i)| (name.as_str(), i));
        Self {
            categories: index.collect(),
            guids: HashSet::new(),
            seats: 0,
            rows: 0,
            extent: Point::default(),
            parts: Vec::new(),
        }
    }

    fn zone(&mut self, z: usize, zone: &'a Value) -> Result<(), Error> {
        let place = Place::Zone(z);
        if z >= MAX_ZONES {
            return Err(invalid(
                place.text(),
                format!("more than {MAX_ZONES} zones"),
            ));
        }
        let zone = object(zone, place)?;
        let name = label(zone, "name", place)?;
        if zone.contains_key("zone_id") {
            label(zone, "zone_id", place)?;
        }
        let origin = position(zone, place)?;
        let mut parts = Parts::new(name, z);
        for (r, row) in array(zone, "rows", place)?.iter().enumerate() {
            let seats = self.row(z, r, row, origin)?;
            if !seats.seats.is_empty() {
                parts.push(seats);
            }
        }
        self.parts.extend(parts.done);
        Ok(())
    }

    fn row(&mut self, z: usize, r: usize, row: &'a Value, origin: Point) -> Result<Row, Error> {
        let place = Place::Row(z, r);
        self.rows += 1;
        if self.rows > MAX_ROWS {
            return Err(invalid(place.text(), format!("more than {MAX_ROWS} rows")));
        }
        let row = object(row, place)?;
        let number = label(row, "row_number", place)?;
        let origin = add(origin, position(row, place)?);
        let seats = array(row, "seats", place)?
            .iter()
            .enumerate()
            .map(|(s, seat)| self.seat(Place::Seat(z, r, s), seat, origin))
            .collect::<Result<_, _>>()?;
        Ok(Row {
            row: number.to_owned(),
            seats,
        })
    }

    fn seat(&mut self, place: Place, seat: &'a Value, origin: Point) -> Result<Seat, Error> {
        let seat = object(seat, place)?;
        let guid = label(seat, "seat_guid", place)?;
        let number = label(seat, "seat_number", place)?;
        let category = label(seat, "category", place)?;
        let at = add(origin, position(seat, place)?);
        let Some(&category) = self.categories.get(category) else {
            return Err(Error::Invalid {
                at: place.field("category"),
                detail: format!("the plan defines no category {category:?}"),
                code: "unknown_category",
            });
        };
        if !self.guids.insert(guid) {
            return Err(Error::Invalid {
                at: place.field("seat_guid"),
                detail: format!("another seat has the id {guid:?}"),
                code: "duplicate_seat",
            });
        }
        self.seats += 1;
        if self.guids.len() > MAX_SEATS {
            return Err(Error::Invalid {
                at: place.text(),
                detail: format!("more than {MAX_SEATS} seats"),
                code: "too_many_seats",
            });
        }
        self.extent = Point {
            x: self.extent.x.max(at.x),
            y: self.extent.y.max(at.y),
        };
        Ok(Seat(
            guid.to_owned(),
            number.to_owned(),
            category,
            at.x,
            at.y,
        ))
    }
}

fn read_categories(root: &Map<String, Value>) -> Result<Vec<String>, Error> {
    let listed = array(root, "categories", Place::Root)?;
    if listed.len() > MAX_CATEGORIES {
        let detail = format!("at most {MAX_CATEGORIES} categories, not {}", listed.len());
        return Err(invalid(Place::Root.field("categories"), detail));
    }
    let mut names: Vec<String> = Vec::with_capacity(listed.len());
    let mut seen = HashSet::new();
    for (c, category) in listed.iter().enumerate() {
        let place = Place::Category(c);
        let name = label(object(category, place)?, "name", place)?;
        if !seen.insert(name) {
            let detail = format!("another category is named {name:?}");
            return Err(invalid(place.field("name"), detail));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

fn add(a: Point, b: Point) -> Point {
    Point {
        x: a.x + b.x,
        y: a.y + b.y,
    }
}
