//! STUB: a seating plan as it is imported.

use crate::{
    seating::{Point, ZonePart},
    venue::Error,
};

/// Most seats that one plan may have.
pub const MAX_SEATS: usize = 50_000;

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
    ///
    /// # Errors
    /// [`Error::Invalid`] with the place and a stable code.
    pub fn parse(_plan: &serde_json::Value) -> Result<Self, Error> {
        todo!()
    }
}
