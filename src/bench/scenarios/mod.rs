//! One scenario a file.

pub(super) mod journeys;
pub(super) mod mixed;
pub(super) mod prepare;
pub(super) mod rush;
pub(super) mod streams;
pub(super) mod waiting_room;
pub(super) mod whole_arena;
