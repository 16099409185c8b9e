//! Holds that run out on a show where nobody asks for anything: the show is told the time.

use domain::{
    ids::ShowId,
    show::{Command, Error},
};
use event_store::{
    commands::Fingerprint,
    executor::{self, Request},
};
use uuid::Uuid;

use crate::{commands::Origin, state::Core};

/// Has the show record the holds that are due, at most one batch of them.
///
/// # Errors
/// The executor's.
pub(super) async fn expire(core: &Core, show_id: ShowId) -> Result<(), executor::Error<Error>> {
    let request = Request {
        command_id: Uuid::now_v7(),
        fingerprint: Fingerprint::default(),
        command: Command::ExpireDue,
        metadata: Origin::manager("hold_expiry", show_id.0).metadata(),
        claims: Vec::new(),
        deadline: None,
    };
    core.executors
        .shows
        .execute(&show_id.to_string(), request)
        .await
        .map(|_| ())
}
