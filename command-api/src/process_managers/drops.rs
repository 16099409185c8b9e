//! Drops that have something to do: closed by time, drawn, settled, revealed. Each step is named after what it does, so that whoever comes
//! after a crash takes the same one.

use domain::ids::DropId;
use event_store::StreamId;

use super::{Deps, timers::Next};
use crate::drops::{Halt, drive};

/// Why a drop could not be served.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("the drop {drop} does not go on: {halt}")]
    Halt {
        /// Which one.
        drop: DropId,
        /// Why.
        halt: Halt,
    },
    #[error("the stream's id is not a UUID")]
    Id(#[from] uuid::Error),
}

/// A drop whose timer came.
pub(super) async fn due(deps: &Deps, stream: StreamId) -> Result<Next, Error> {
    let drop: DropId = stream.aggregate_id.parse()?;
    let driven = drive(&deps.core, &*deps.keys, &deps.beacons, drop).await;
    driven.map_err(|halt| Error::Halt { drop, halt })
}
