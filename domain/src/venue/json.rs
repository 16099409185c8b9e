//! Reading the JSON of a plan: what is wrong is told with the place where it stands.

use serde_json::{Map, Value};

use crate::{
    seating::{MAX_LABEL_BYTES, Point},
    text::check_line,
    venue::{Error, decimal::hundredths},
};

/// Largest coordinate either way, in hundredths: a million units. Squares of sums of three still fit 64 bits.
const MAX_COORDINATE: i64 = 100_000_000;
/// Deepest nesting: the format itself needs nine levels, foreign extras may bring a few more.
const MAX_DEPTH: usize = 32;

/// A place in the plan, written out only when something is wrong there.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Root,
    Category(usize),
    Zone(usize),
    Row(usize, usize),
    Seat(usize, usize, usize),
}

impl Place {
    pub(super) fn text(self) -> String {
        match self {
            Self::Root => "seating_plan".to_owned(),
            Self::Category(c) => format!("seating_plan.categories[{c}]"),
            Self::Zone(z) => format!("seating_plan.zones[{z}]"),
            Self::Row(z, r) => format!("seating_plan.zones[{z}].rows[{r}]"),
            Self::Seat(z, r, s) => format!("seating_plan.zones[{z}].rows[{r}].seats[{s}]"),
        }
    }

    pub(super) fn field(self, key: &str) -> String {
        format!("{}.{key}", self.text())
    }
}

pub(super) fn invalid(at: String, detail: String) -> Error {
    Error::Invalid {
        at,
        detail,
        code: "invalid_seating_plan",
    }
}

pub(super) fn wrong_type(wanted: &str, value: &Value) -> String {
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

pub(super) fn object(value: &Value, place: Place) -> Result<&Map<String, Value>, Error> {
    value
        .as_object()
        .ok_or_else(|| invalid(place.text(), wrong_type("an object", value)))
}

pub(super) fn array<'a>(
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
pub(super) fn label<'a>(
    parent: &'a Map<String, Value>,
    key: &str,
    place: Place,
) -> Result<&'a str, Error> {
    let text = match parent.get(key) {
        Some(Value::String(text)) => text,
        Some(value) => return Err(invalid(place.field(key), wrong_type("a string", value))),
        None => return Err(invalid(place.field(key), "is missing".to_owned())),
    };
    check_line(text, MAX_LABEL_BYTES).map_err(|detail| invalid(place.field(key), detail))?;
    Ok(text)
}

/// `position`, or the origin where there is none.
pub(super) fn position(parent: &Map<String, Value>, place: Place) -> Result<Point, Error> {
    if parent.contains_key("position") {
        point(parent, "position", ["x", "y"], place)
    } else {
        Ok(Point::default())
    }
}

/// An object of two coordinates, each zero where it is missing.
pub(super) fn point(
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

pub(super) fn coordinate(value: &Value) -> Result<i64, String> {
    let Value::Number(number) = value else {
        return Err(wrong_type("a number", value));
    };
    hundredths(number)
        .filter(|hundredths| (-MAX_COORDINATE..=MAX_COORDINATE).contains(hundredths))
        .ok_or_else(|| format!("must be within {} either way", MAX_COORDINATE / 100))
}

/// Refuses what is nested deeper than [`MAX_DEPTH`], without going deeper itself.
pub(super) fn check_depth(plan: &Value) -> Result<(), Error> {
    match too_deep(plan, 0) {
        None => Ok(()),
        Some(path) => {
            let at = Place::Root.text() + &path;
            Err(invalid(
                at,
                format!("nested deeper than {MAX_DEPTH} levels"),
            ))
        }
    }
}

/// The path to something that is nested too deep.
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
