//! The seats of a show: who they are and where they stand. Copied from the venue, never changed afterwards, and
//! therefore shared by every copy of the show's state.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::seating::{Point, ZonePart};

/// Index of a seat in plan order.
pub(super) type SeatIndex = u32;
/// Index of a row in plan order.
pub(super) type RowIndex = u32;

/// One seat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SeatPlace {
    pub(super) guid: String,
    pub(super) number: String,
    pub(super) category: u16,
    pub(super) row: RowIndex,
    pub(super) at: Point,
}

/// One row: seats `start..end` stand side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RowPlace {
    pub(super) zone: String,
    pub(super) name: String,
    pub(super) start: SeatIndex,
    pub(super) end: SeatIndex,
    /// Corners of the smallest box around the seats.
    pub(super) low: Point,
    pub(super) high: Point,
}

/// A row with the square of its distance to something.
pub(super) type RankedRow = (u64, RowIndex);

/// All rows and seats, in plan order, with the indexes that decisions need.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) rows: Vec<RowPlace>,
    pub(super) seats: Vec<SeatPlace>,
    /// Derived: rebuilt by [`Plan::index`].
    #[serde(skip)]
    by_guid: HashMap<String, SeatIndex>,
    /// Derived: for each category its rows, the one that comes nearest to the focus first.
    #[serde(skip)]
    nearest: Vec<Vec<RankedRow>>,
}

impl Plan {
    /// Appends a part of a zone.
    pub(super) fn list(&mut self, part: &ZonePart) {
        for (i, row) in part.rows.iter().enumerate() {
            let continues = i == 0 && part.continued && !self.rows.is_empty();
            if !continues {
                let start = length(&self.seats);
                let first = row.seats.first().map(|seat| Point {
                    x: seat.3,
                    y: seat.4,
                });
                let corner = first.unwrap_or_default();
                self.rows.push(RowPlace {
                    zone: part.zone.clone(),
                    name: row.row.clone(),
                    start,
                    end: start,
                    low: corner,
                    high: corner,
                });
            }
            for seat in &row.seats {
                let at = Point {
                    x: seat.3,
                    y: seat.4,
                };
                self.seat(seat.0.clone(), seat.1.clone(), seat.2, at);
            }
        }
    }

    /// Appends a seat to the last row.
    fn seat(&mut self, guid: String, number: String, category: u16, at: Point) {
        let index = length(&self.seats);
        let row_index = length(&self.rows).saturating_sub(1);
        if let Some(row) = self.rows.last_mut() {
            row.end = index + 1;
            row.low = Point {
                x: row.low.x.min(at.x),
                y: row.low.y.min(at.y),
            };
            row.high = Point {
                x: row.high.x.max(at.x),
                y: row.high.y.max(at.y),
            };
        }
        self.by_guid.insert(guid.clone(), index);
        self.seats.push(SeatPlace {
            guid,
            number,
            category,
            row: row_index,
            at,
        });
    }

    /// Ranks the rows, once all seats are listed.
    pub(super) fn rank(&mut self, categories: usize, focus: Point) {
        self.nearest = vec![Vec::new(); categories];
        for (row, index) in self.rows.iter().zip(0..) {
            let mut distances = BTreeMap::new();
            for seat in &self.seats[row.start as usize..row.end as usize] {
                let distance = distance2(seat.at, focus);
                let nearest = distances.entry(seat.category).or_insert(distance);
                *nearest = distance.min(*nearest);
            }
            for (category, distance) in distances {
                if let Some(rows) = self.nearest.get_mut(usize::from(category)) {
                    rows.push((distance, index));
                }
            }
        }
        for rows in &mut self.nearest {
            rows.sort_unstable();
        }
    }

    /// Rebuilds what a snapshot leaves out.
    pub(super) fn index(&mut self, categories: usize, focus: Point) {
        self.by_guid = self
            .seats
            .iter()
            .zip(0..)
            .map(|(seat, i)| (seat.guid.clone(), i))
            .collect();
        self.rank(categories, focus);
    }

    /// How many seats there are.
    pub(super) fn count(&self) -> u32 {
        length(&self.seats)
    }

    pub(super) fn find(&self, guid: &str) -> Option<SeatIndex> {
        self.by_guid.get(guid).copied()
    }

    pub(super) fn seat_at(&self, seat: SeatIndex) -> &SeatPlace {
        &self.seats[seat as usize]
    }

    pub(super) fn row_of(&self, seat: SeatIndex) -> &RowPlace {
        &self.rows[self.seat_at(seat).row as usize]
    }

    /// The rows with seats of `category`, nearest to the focus first.
    pub(super) fn ranked(&self, category: u16) -> &[RankedRow] {
        self.nearest
            .get(usize::from(category))
            .map_or(&[], Vec::as_slice)
    }

    pub(super) fn guids(&self, seats: &[SeatIndex]) -> Vec<String> {
        seats
            .iter()
            .map(|seat| self.seat_at(*seat).guid.clone())
            .collect()
    }
}

/// A length as an index: plans have at most 50,000 seats.
fn length<T>(items: &[T]) -> u32 {
    u32::try_from(items.len()).expect("a plan has at most 50,000 seats")
}

/// Square of the distance between two points. Plan coordinates are bounded so that it fits.
pub(super) fn distance2(a: Point, b: Point) -> u64 {
    let square = |difference: u64| difference.saturating_mul(difference);
    square(a.x.abs_diff(b.x)).saturating_add(square(a.y.abs_diff(b.y)))
}

/// Square of the distance between a point and the nearest point of a row's box: none of its seats is nearer.
pub(super) fn box_distance2(row: &RowPlace, to: Point) -> u64 {
    let nearest = Point {
        x: to.x.clamp(row.low.x, row.high.x),
        y: to.y.clamp(row.low.y, row.high.y),
    };
    distance2(nearest, to)
}
