//! What can be asked of a venue.

use crate::{ids::OrganizerId, seating::StandingArea, venue::plan::SeatingPlan};

/// A request to a venue.
#[derive(Debug, Clone)]
pub enum Command {
    /// Register a venue with its plan.
    Register(Box<Register>),
}

/// The arguments of [`Command::Register`].
#[derive(Debug, Clone)]
pub struct Register {
    /// Whose it will be.
    pub organizer_id: OrganizerId,
    /// Name, 1 to 200 bytes.
    pub name: String,
    /// The checked plan: see [`SeatingPlan::parse`].
    pub plan: SeatingPlan,
    /// Standing areas, at most 100.
    pub standing: Vec<StandingArea>,
}
