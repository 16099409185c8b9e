//! The bodies of answers about a seat map.

use std::collections::BTreeMap;

use read_model::{
    SeatMap,
    seat_map::{SeatStatus, SeatView, StandingView},
};
use serde::{Serialize, Serializer, ser::SerializeSeq as _};
use utoipa::ToSchema;
use uuid::Uuid;

/// How every place of a show stands, as short as it goes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SeatStatuses<'a> {
    show_id: Uuid,
    /// Where in the log the last change stands.
    position: u64,
    /// One letter a seat, in plan order: `a` available, `h` held, `s` sold, `b` blocked.
    #[schema(example = "aahhsb")]
    statuses: &'a str,
    standing: Vec<AreaStatus<'a>>,
}

/// How much of a standing area is left.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AreaStatus<'a> {
    name: &'a str,
    /// Free places.
    available: u32,
}

/// What changed: absolute states, so that applying it twice does no harm.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Changes<'a> {
    /// Where in the log the last of these changes stands.
    position: u64,
    seats: Vec<SeatChange<'a>>,
    standing: Vec<AreaStatus<'a>>,
}

/// How a seat stands now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SeatChange<'a> {
    seat_guid: &'a str,
    #[schema(value_type = SeatState)]
    status: SeatStatus,
}

/// A show's seats.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what seats_json writes seat by seat")]
pub(crate) struct SeatListing<'a> {
    show_id: Uuid,
    /// Where in the log the last change stands.
    position: u64,
    seats: Vec<ListedSeat<'a>>,
    standing: Vec<ListedArea<'a>>,
}

/// A seat.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListedSeat<'a> {
    #[schema(example = "A-1-7")]
    seat_guid: &'a str,
    zone: &'a str,
    row: &'a str,
    number: &'a str,
    category: &'a str,
    /// Points.
    price: i64,
    /// To the right, in the plan's own unit.
    x: f64,
    /// Downwards.
    y: f64,
    #[schema(value_type = SeatState)]
    status: SeatStatus,
}

/// A standing area.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListedArea<'a> {
    name: &'a str,
    category: &'a str,
    /// Points for one place.
    price: i64,
    /// Free places.
    available: u32,
}

/// How a seat stands.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the read model's type")]
pub(crate) enum SeatState {
    Available,
    Held,
    Sold,
    Blocked,
}

/// Which seats are wanted; all by default.
///
/// A standing area is in where its category is asked for, or its name as the zone; with a status, only while it has free places
/// and those are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SeatFilter {
    pub(crate) category: Option<String>,
    pub(crate) zone: Option<String>,
    pub(crate) status: Option<SeatStatus>,
}

impl SeatFilter {
    fn has_seat(&self, view: &SeatView<'_>) -> bool {
        self.category
            .as_ref()
            .is_none_or(|category| category == view.seat.category)
            && self.zone.as_ref().is_none_or(|zone| zone == view.seat.zone)
            && self.status.is_none_or(|status| status == view.status)
    }

    fn has_area(&self, view: &StandingView<'_>) -> bool {
        self.category
            .as_ref()
            .is_none_or(|category| **category == *view.area.category)
            && self
                .zone
                .as_ref()
                .is_none_or(|zone| **zone == *view.area.name)
            && self
                .status
                .is_none_or(|status| status == SeatStatus::Available && view.available > 0)
    }
}

impl<'a> SeatStatuses<'a> {
    pub(crate) fn new(map: &'a SeatMap) -> Self {
        Self {
            show_id: map.show_id().0,
            position: map.position(),
            statuses: map.statuses(),
            standing: map.standing().map(AreaStatus::of).collect(),
        }
    }
}

impl<'a> AreaStatus<'a> {
    fn of(view: StandingView<'a>) -> Self {
        Self {
            name: &view.area.name,
            available: view.available,
        }
    }
}

impl<'a> Changes<'a> {
    /// Names what is known by its place in the plan.
    pub(crate) fn new(
        map: &'a SeatMap,
        position: u64,
        seats: &BTreeMap<u32, SeatStatus>,
        standing: &BTreeMap<u32, u32>,
    ) -> Self {
        let (plan, areas) = (map.plan(), map.plan().standing());
        let seats = seats.iter().filter_map(|(index, status)| {
            let seat = plan.seat(*index as usize)?;
            Some(SeatChange {
                seat_guid: seat.seat_guid,
                status: *status,
            })
        });
        let standing = standing.iter().filter_map(|(index, available)| {
            let area = areas.get(*index as usize)?;
            Some(AreaStatus {
                name: &area.name,
                available: *available,
            })
        });
        Self {
            position,
            seats: seats.collect(),
            standing: standing.collect(),
        }
    }
}

/// A show's seats that pass a filter, as JSON; see [`SeatListing`].
pub(crate) fn seats_json(map: &SeatMap, filter: &SeatFilter) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        show_id: Uuid,
        position: u64,
        seats: Filtered<'a>,
        standing: Vec<ListedArea<'a>>,
    }
    let standing = map
        .standing()
        .filter(|view| filter.has_area(view))
        .map(|view| ListedArea {
            name: &view.area.name,
            category: &view.area.category,
            price: view.area.price,
            available: view.available,
        });
    let body = Body {
        show_id: map.show_id().0,
        position: map.position(),
        seats: Filtered(map, filter),
        standing: standing.collect(),
    };
    serde_json::to_vec(&body).expect("these types have string keys, and coordinates are finite")
}

/// Written seat by seat: a list of all of them in between would cost as much as the text.
struct Filtered<'a>(&'a SeatMap, &'a SeatFilter);

impl Serialize for Filtered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(map, filter) = self;
        let mut list = serializer.serialize_seq(None)?;
        for view in map.seats().filter(|view| filter.has_seat(view)) {
            list.serialize_element(&ListedSeat {
                seat_guid: view.seat.seat_guid,
                zone: view.seat.zone,
                row: view.seat.row,
                number: view.seat.number,
                category: view.seat.category,
                price: view.seat.price,
                x: units(view.seat.x),
                y: units(view.seat.y),
                status: view.status,
            })?;
        }
        list.end()
    }
}

/// Hundredths of the plan's unit, in its unit.
#[expect(
    clippy::cast_precision_loss,
    reason = "exact up to 2^53 hundredths, far beyond any plan"
)]
fn units(hundredths: i64) -> f64 {
    hundredths as f64 / 100.0
}
