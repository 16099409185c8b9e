//! `/v1/webhooks`: who an organizer wants called.

pub(super) mod create_webhook;
pub(super) mod list_webhooks;
pub(super) mod remove_webhook;
