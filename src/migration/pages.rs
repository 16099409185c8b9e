//! Tables of both kinds of stores, read the same way: a page behind the last row.

use command_api::{
    credentials::{
        NewSession,
        copying::{Listed as ListedCredentials, StoredPassword},
    },
    key_store::copying::{Listed as ListedKeys, StoredKey, StoredSecret},
    notifications::{
        Notification, Webhook,
        copying::{Listed as ListedNotifications, StoredDelivery},
    },
};
use event_store::{
    EventLog, StreamId,
    claims::Claim,
    commands::KnownCommand,
    log::StreamHead,
    refusals::{Count, Kept, Refusals},
};

/// Rows read at a time: a few megabytes.
pub(super) const PAGE: usize = 2_000;

pub(super) async fn stream_heads(
    log: &dyn EventLog,
    last: Option<&(StreamId, StreamHead)>,
) -> anyhow::Result<Vec<(StreamId, StreamHead)>> {
    let after = last.map(|(stream, _)| stream);
    Ok(log.list_stream_heads(after, PAGE).await?)
}

pub(super) async fn claims(log: &dyn EventLog, last: Option<&Claim>) -> anyhow::Result<Vec<Claim>> {
    let after = last.map(|claim| (&*claim.namespace, &*claim.key));
    Ok(log.list_claims(after, PAGE).await?)
}

pub(super) async fn commands(
    log: &dyn EventLog,
    last: Option<&KnownCommand>,
) -> anyhow::Result<Vec<KnownCommand>> {
    let after = last.map(|command| command.command_id);
    Ok(log.list_commands(after, PAGE).await?)
}

pub(super) async fn refusals(
    store: &dyn Refusals,
    last: Option<&Kept>,
) -> anyhow::Result<Vec<Kept>> {
    let after = last.map(|kept| (&*kept.subject, kept.number));
    Ok(store.list_kept(after, PAGE).await?)
}

pub(super) async fn refusal_counts(
    store: &dyn Refusals,
    last: Option<&Count>,
) -> anyhow::Result<Vec<Count>> {
    let after = last.map(|count| &*count.subject);
    Ok(store.list_counts(after, PAGE).await?)
}

pub(super) async fn passwords(
    store: &dyn ListedCredentials,
    last: Option<&StoredPassword>,
) -> anyhow::Result<Vec<StoredPassword>> {
    let after = last.map(|row| row.customer);
    Ok(store.list_passwords(after, PAGE).await?)
}

pub(super) async fn sessions(
    store: &dyn ListedCredentials,
    last: Option<&NewSession>,
) -> anyhow::Result<Vec<NewSession>> {
    let after = last.map(|row| row.session);
    Ok(store.list_sessions(after, PAGE).await?)
}

pub(super) async fn notifications(
    store: &dyn ListedNotifications,
    last: Option<&Notification>,
) -> anyhow::Result<Vec<Notification>> {
    let after = last.map(|row| row.id);
    Ok(store.list_notifications(after, PAGE).await?)
}

pub(super) async fn webhooks(
    store: &dyn ListedNotifications,
    last: Option<&Webhook>,
) -> anyhow::Result<Vec<Webhook>> {
    let after = last.map(|row| row.id);
    Ok(store.list_webhooks(after, PAGE).await?)
}

pub(super) async fn deliveries(
    store: &dyn ListedNotifications,
    last: Option<&StoredDelivery>,
) -> anyhow::Result<Vec<StoredDelivery>> {
    let after = last.map(|row| row.delivery.id);
    Ok(store.list_deliveries(after, PAGE).await?)
}

pub(super) async fn keys(
    store: &dyn ListedKeys,
    last: Option<&StoredKey>,
) -> anyhow::Result<Vec<StoredKey>> {
    let after = last.map(|row| row.customer);
    Ok(store.list_keys(after, PAGE).await?)
}

pub(super) async fn secrets(
    store: &dyn ListedKeys,
    last: Option<&StoredSecret>,
) -> anyhow::Result<Vec<StoredSecret>> {
    let after = last.map(|row| &*row.name);
    Ok(store.list_secrets(after, PAGE).await?)
}
