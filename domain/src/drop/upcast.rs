//! Old forms of the events of a drop, brought up to the current one.
//! There are none yet: every event is at version 1.

use cqrs_es::persist::EventUpcaster;

/// In the order in which they apply: each takes one event type from one version to the next.
pub fn upcasters() -> Vec<Box<dyn EventUpcaster>> {
    Vec::new()
}
