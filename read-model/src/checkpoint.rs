//! How far each projection has come.

use serde::{Deserialize, Serialize};

/// A writer of rows. Each has its own checkpoints and its own tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProjectionId {
    /// Concerts and shows.
    Catalogue,
    /// Seat plans and seat maps.
    SeatMaps,
    /// Reservations.
    Reservations,
    /// Payments.
    Payments,
    /// Accounts and transactions.
    Points,
    /// Sagas.
    Sagas,
    /// Drops and their entries.
    Drops,
}

impl ProjectionId {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Catalogue,
        Self::SeatMaps,
        Self::Reservations,
        Self::Payments,
        Self::Points,
        Self::Sagas,
        Self::Drops,
    ];

    /// Its name in checkpoints, metrics and logs; permanent.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Catalogue => "catalogue",
            Self::SeatMaps => "seat_maps",
            Self::Reservations => "reservations",
            Self::Payments => "payments",
            Self::Points => "points",
            Self::Sagas => "sagas",
            Self::Drops => "drops",
        }
    }

    /// The projection of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|id| id.name() == name)
    }

    /// Number of its fold, raised whenever the fold or its rows change: rows of another fold can't be gone on from.
    pub const fn fold(self) -> u32 {
        match self {
            Self::Catalogue
            | Self::SeatMaps
            | Self::Reservations
            | Self::Payments
            | Self::Points
            | Self::Sagas
            | Self::Drops => 1,
        }
    }
}

/// How far one version of one projection has come in one partition of the bus.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Name of the projection.
    pub projection: String,
    /// Version of its rows.
    pub version: u32,
    /// Partition of the bus, from 0.
    pub partition: u32,
    /// Epoch of the last event seen.
    pub epoch: u64,
    /// Everything up to here that belongs to the partition is in the rows.
    pub position: u64,
    /// The bus's own place; 0 where it has none.
    pub offset: i64,
}

impl Checkpoint {
    /// Where a version of a projection stands in a partition before it has seen anything.
    pub fn start(projection: ProjectionId, version: u32, partition: u32) -> Self {
        Self {
            projection: projection.name().to_owned(),
            version,
            partition,
            epoch: 0,
            position: 0,
            offset: 0,
        }
    }

    /// The position of one projection among `checkpoints`, which are of one version of it: the least; 0 without any.
    pub fn position_of(projection: ProjectionId, checkpoints: &[Self]) -> u64 {
        checkpoints
            .iter()
            .filter(|c| c.projection == projection.name())
            .map(|c| c.position)
            .min()
            .unwrap_or_default()
    }
}
