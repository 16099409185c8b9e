//! `/v1/ops/dead-letters`: notifications that could not be delivered, for operators.

pub(super) mod list_dead_letters;
pub(super) mod retry_dead_letter;
