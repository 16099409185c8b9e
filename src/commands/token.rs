//! `frontrow token`: prints a token and nothing else.

use std::{process::ExitCode, time::Duration};

use edge::auth::{Principal, Role};
use event_store::{Clock, SystemClock};
use uuid::Uuid;

use super::print;
use crate::{cli::Token, config::Settings, data_folder, signing};

/// Long enough for a day's work, short enough that a token in a shell's history is soon worthless.
const VALID_FOR: Duration = Duration::from_hours(24);

pub(super) fn run(settings: &Settings, arguments: &Token) -> anyhow::Result<ExitCode> {
    // No lock: tokens are made beside a running server.
    if settings.auth.signing_key.is_empty() {
        data_folder::create(&settings.server.data)?;
    }
    let signer = signing::signer(settings)?;
    let role = arguments.role;
    let id = arguments.subject.unwrap_or_else(|| match role {
        Role::Customer => Uuid::now_v7(),
        Role::Organizer | Role::Auditor | Role::Admin => signer.default_subject(role),
    });
    print(&signer.issue(Principal { id, role }, SystemClock.now(), VALID_FOR))?;
    Ok(ExitCode::SUCCESS)
}
