//! A seating plan as it is imported: checked whole, told where it is wrong, then stored as integers and short strings.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use crate::{
    seating::{MAX_LABEL_BYTES, Point, Row, Seat, ZonePart},
    text::check_text,
    venue::{Error, decimal::hundredths},
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
/// Most bytes of JSON in one part of a zone, as reckoned here; an event must stay below 512 KiB.
const MAX_PART_BYTES: usize = 400 * 1024;
/// Largest coordinate either way, in hundredths: a million units. Squares of sums of three still fit 64 bits.
const MAX_COORDINATE: i64 = 100_000_000;
/// Deepest nesting: the format itself needs nine levels, foreign extras may bring a few more.
const MAX_DEPTH: usize = 32;

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
        if let Some(path) = too_deep(plan, 0) {
            let at = Place::Root.text() + &path;
            return Err(invalid(
                at,
                format!("nested deeper than {MAX_DEPTH} levels"),
            ));
        }
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

/// A place in the plan, written out only when something is wrong there.
#[derive(Clone, Copy)]
enum Place {
    Root,
    Category(usize),
    Zone(usize),
    Row(usize, usize),
    Seat(usize, usize, usize),
}

impl Place {
    fn text(self) -> String {
        match self {
            Self::Root => "seating_plan".to_owned(),
            Self::Category(c) => format!("seating_plan.categories[{c}]"),
            Self::Zone(z) => format!("seating_plan.zones[{z}]"),
            Self::Row(z, r) => format!("seating_plan.zones[{z}].rows[{r}]"),
            Self::Seat(z, r, s) => format!("seating_plan.zones[{z}].rows[{r}].seats[{s}]"),
        }
    }

    fn field(self, key: &str) -> String {
        format!("{}.{key}", self.text())
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

/// A zone on its way into parts that one event can hold.
struct Parts<'a> {
    name: &'a str,
    zone_index: u16,
    done: Vec<ZonePart>,
    seats: usize,
    bytes: usize,
}

impl<'a> Parts<'a> {
    fn new(name: &'a str, z: usize) -> Self {
        let zone_index = u16::try_from(z).expect("MAX_ZONES fits 16 bits");
        Self {
            name,
            zone_index,
            done: Vec::new(),
            seats: 0,
            bytes: 0,
        }
    }

    /// Appends a row: to the part at hand where it fits whole, else to a new one, cut where even that is too small.
    fn push(&mut self, row: Row) {
        let bytes = row_bytes(&row);
        if self.fits(row.seats.len(), bytes) {
            return self.add(row, bytes, false);
        }
        self.open(false);
        if self.fits(row.seats.len(), bytes) {
            return self.add(row, bytes, false);
        }
        let Row { row: name, seats } = row;
        let mut seats = seats.into_iter().peekable();
        let mut continued = false;
        while seats.peek().is_some() {
            if continued {
                self.open(true);
            }
            let mut piece = Row {
                row: name.clone(),
                seats: Vec::new(),
            };
            let mut bytes = row_bytes(&piece);
            while let Some(seat) = seats.next_if(|seat| {
                piece.seats.is_empty()
                    || (piece.seats.len() < MAX_PART_SEATS
                        && bytes + seat_bytes(seat) <= MAX_PART_BYTES)
            }) {
                bytes += seat_bytes(&seat);
                piece.seats.push(seat);
            }
            self.add(piece, bytes, continued);
            continued = true;
        }
    }

    fn fits(&self, seats: usize, bytes: usize) -> bool {
        self.seats + seats <= MAX_PART_SEATS && self.bytes + bytes <= MAX_PART_BYTES
    }

    fn add(&mut self, row: Row, bytes: usize, continued: bool) {
        if self.done.is_empty() {
            self.open(continued);
        }
        self.seats += row.seats.len();
        self.bytes += bytes;
        if let Some(part) = self.done.last_mut() {
            part.rows.push(row);
        }
    }

    /// Begins the next part, unless the one at hand is still empty.
    fn open(&mut self, continued: bool) {
        if self.done.last().is_some_and(|part| part.rows.is_empty()) {
            return;
        }
        let part = u16::try_from(self.done.len()).expect("every part has seats: at most MAX_SEATS");
        self.seats = 0;
        self.bytes = 0;
        self.done.push(ZonePart {
            zone: self.name.to_owned(),
            zone_index: self.zone_index,
            part,
            rows: Vec::new(),
            continued,
        });
    }
}

fn row_bytes(row: &Row) -> usize {
    let fixed = 32;
    fixed + json_bytes(&row.row) + row.seats.iter().map(seat_bytes).sum::<usize>()
}

fn seat_bytes(seat: &Seat) -> usize {
    // Brackets, commas, a category of up to three digits and two coordinates of up to ten.
    let fixed = 40;
    fixed + json_bytes(&seat.0) + json_bytes(&seat.1)
}

/// Length as a JSON string; control characters were refused, so an escape costs one byte.
fn json_bytes(text: &str) -> usize {
    2 + text.len()
        + text
            .bytes()
            .filter(|byte| matches!(byte, b'"' | b'\\'))
            .count()
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

fn invalid(at: String, detail: String) -> Error {
    Error::Invalid {
        at,
        detail,
        code: "invalid_seating_plan",
    }
}

fn wrong_type(wanted: &str, value: &Value) -> String {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    format!("must be {wanted}, is {found}")
}

fn object(value: &Value, place: Place) -> Result<&Map<String, Value>, Error> {
    value
        .as_object()
        .ok_or_else(|| invalid(place.text(), wrong_type("an object", value)))
}

fn array<'a>(
    parent: &'a Map<String, Value>,
    key: &str,
    place: Place,
) -> Result<&'a [Value], Error> {
    match parent.get(key) {
        Some(Value::Array(items)) => Ok(items),
        Some(value) => Err(invalid(place.field(key), wrong_type("an array", value))),
        None => Err(invalid(place.field(key), "is missing".to_owned())),
    }
}

/// A short printable string.
fn label<'a>(parent: &'a Map<String, Value>, key: &str, place: Place) -> Result<&'a str, Error> {
    let text = match parent.get(key) {
        Some(Value::String(text)) => text,
        Some(value) => return Err(invalid(place.field(key), wrong_type("a string", value))),
        None => return Err(invalid(place.field(key), "is missing".to_owned())),
    };
    check_text(text, MAX_LABEL_BYTES).map_err(|detail| invalid(place.field(key), detail))?;
    if text.chars().any(char::is_control) {
        return Err(invalid(
            place.field(key),
            "must not have control characters".to_owned(),
        ));
    }
    Ok(text)
}

/// `position`, or the origin where there is none.
fn position(parent: &Map<String, Value>, place: Place) -> Result<Point, Error> {
    if parent.contains_key("position") {
        point(parent, "position", ["x", "y"], place)
    } else {
        Ok(Point::default())
    }
}

/// An object of two coordinates, each zero where it is missing.
fn point(
    parent: &Map<String, Value>,
    key: &str,
    [x, y]: [&str; 2],
    place: Place,
) -> Result<Point, Error> {
    let object = match parent.get(key) {
        Some(Value::Object(object)) => object,
        Some(value) => return Err(invalid(place.field(key), wrong_type("an object", value))),
        None => return Err(invalid(place.field(key), "is missing".to_owned())),
    };
    let read = |part: &str| match object.get(part) {
        Some(value) => coordinate(value)
            .map_err(|detail| invalid(format!("{}.{part}", place.field(key)), detail)),
        None => Ok(0),
    };
    Ok(Point {
        x: read(x)?,
        y: read(y)?,
    })
}

fn coordinate(value: &Value) -> Result<i64, String> {
    let Value::Number(number) = value else {
        return Err(wrong_type("a number", value));
    };
    hundredths(number)
        .filter(|hundredths| (-MAX_COORDINATE..=MAX_COORDINATE).contains(hundredths))
        .ok_or_else(|| format!("must be within {} either way", MAX_COORDINATE / 100))
}

fn add(a: Point, b: Point) -> Point {
    Point {
        x: a.x + b.x,
        y: a.y + b.y,
    }
}

/// The path to something nested deeper than [`MAX_DEPTH`], if there is any. Goes no deeper itself.
fn too_deep(value: &Value, depth: usize) -> Option<String> {
    /// Enough of a foreign key to recognise it by.
    const KEY_CHARS: usize = 32;
    match value {
        Value::Array(_) | Value::Object(_) if depth == MAX_DEPTH => Some(String::new()),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(i, item)| too_deep(item, depth + 1).map(|rest| format!("[{i}]{rest}"))),
        Value::Object(fields) => fields.iter().find_map(|(key, field)| {
            let key = || key.chars().take(KEY_CHARS).collect::<String>();
            too_deep(field, depth + 1).map(|rest| format!(".{}{rest}", key()))
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}
