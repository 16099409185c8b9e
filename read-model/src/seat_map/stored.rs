//! A seat map as it is stored: the plan once, the statuses each time they change.

use std::{borrow::Cow, sync::Arc};

use domain::ids::ShowId;
use serde::{Deserialize, Serialize};

use super::{Plan, SeatMap, SeatStatus, Taken};
use crate::{Error, tables::Counts};

/// The row of `seat_plans`.
#[derive(Serialize, Deserialize)]
struct StoredPlan<'a> {
    show_id: ShowId,
    position: u64,
    plan: Cow<'a, Plan>,
}

/// The row of `seat_maps`. `counts` follow from the rest; they stand here so that shows can be listed without plans.
#[derive(Serialize, Deserialize)]
struct StoredMap<'a> {
    show_id: ShowId,
    position: u64,
    counts: Counts,
    #[serde(borrow)]
    statuses: Cow<'a, str>,
    standing: Cow<'a, [Taken]>,
}

impl SeatMap {
    /// The row of `seat_plans`, as JSON.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where it has no JSON form, which it always has.
    pub fn plan_json(&self) -> Result<String, Error> {
        json(&StoredPlan {
            show_id: self.show_id,
            position: self.plan_position,
            plan: Cow::Borrowed(&*self.plan),
        })
    }

    /// The row of `seat_maps`, as JSON.
    ///
    /// # Errors
    /// As [`SeatMap::plan_json`].
    pub fn statuses_json(&self) -> Result<String, Error> {
        json(&StoredMap {
            show_id: self.show_id,
            position: self.position,
            counts: self.counts(),
            statuses: Cow::Borrowed(self.statuses()),
            standing: Cow::Borrowed(&self.standing),
        })
    }

    /// The map that its two rows describe.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where they are not such rows, or do not fit each other.
    pub fn from_json(plan: &str, statuses: &str) -> Result<Self, Error> {
        let corrupt = |e: serde_json::Error| Error::Corrupt(format!("a seat map: {e}"));
        let plan: StoredPlan<'_> = serde_json::from_str(plan).map_err(corrupt)?;
        let map: StoredMap<'_> = serde_json::from_str(statuses).map_err(corrupt)?;
        let map = Self {
            show_id: map.show_id,
            position: map.position,
            plan_position: plan.position,
            statuses: map.statuses.into_owned().into_bytes(),
            standing: map.standing.into_owned(),
            plan: Arc::new(plan.plan.into_owned()),
        };
        let known = |letter: &u8| SeatStatus::from_letter(*letter).is_some();
        if map.plan.len() != map.statuses.len()
            || map.plan.standing().len() != map.standing.len()
            || !map.statuses.iter().all(known)
        {
            let show = map.show_id;
            return Err(Error::Corrupt(format!(
                "the seat map of show {show} does not fit its plan"
            )));
        }
        Ok(map)
    }
}

fn json<T: Serialize>(row: &T) -> Result<String, Error> {
    serde_json::to_string(row).map_err(|e| Error::Corrupt(e.to_string()))
}
