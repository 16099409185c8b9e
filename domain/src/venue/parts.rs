//! Cutting a zone into parts, each of which one event can hold.

use super::plan::MAX_PART_SEATS;
use crate::seating::{Row, Seat, ZonePart};

/// Most bytes of JSON in one part of a zone, as reckoned here; an event must stay below 512 KiB.
const MAX_PART_BYTES: usize = 400 * 1024;

/// A zone on its way into parts that one event can hold.
pub(super) struct Parts<'a> {
    name: &'a str,
    zone_index: u16,
    pub(super) done: Vec<ZonePart>,
    seats: usize,
    bytes: usize,
}

impl<'a> Parts<'a> {
    pub(super) fn new(name: &'a str, z: usize) -> Self {
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
    pub(super) fn push(&mut self, row: Row) {
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
