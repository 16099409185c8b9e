//! The first half: copying.

use command_api::notifications::Ledger as _;
use event_store::EventLog;

use super::{
    Source, Target,
    pages::{self, PAGE},
};

/// Events read at a time. At most half a megabyte each; usually less than one.
pub(super) const EVENTS: usize = 1_000;

/// Copies one table, page by page.
macro_rules! copy {
    ($read:expr, $write:expr) => {{
        let mut last = None;
        loop {
            let page = $read(last.as_ref()).await?;
            $write(&page).await?;
            let complete = page.len() < PAGE;
            last = page.into_iter().next_back();
            if complete {
                break;
            }
        }
    }};
}

/// Copies everything that the source has and the target lacks.
pub(super) async fn everything(
    source: &Source,
    target: &Target,
    progress: &(impl Fn(u64, u64) + Send + Sync),
) -> anyhow::Result<()> {
    let (log, import) = (&source.log, &target.import);
    let total = log.head().await?.position.0;
    let mut done = import.begin().await?;
    loop {
        progress(done.0, total);
        let events = log.read_all(done, EVENTS).await?;
        let Some(last) = events.last() else {
            break;
        };
        done = last.position;
        import.events(&events).await?;
    }
    copy!(|last| pages::stream_heads(log, last), |page| import
        .stream_heads(page));
    copy!(|last| pages::claims(log, last), |page| import.claims(page));
    copy!(|last| pages::commands(log, last), |page| import
        .commands(page));

    let (from, to) = (&source.refusals, &target.refusals);
    to.clear().await?;
    copy!(|last| pages::refusals(from, last), |page| to
        .take_kept(page));
    copy!(|last| pages::refusal_counts(from, last), |page| to
        .take_counts(page));

    let (from, to) = (&source.credentials, &target.credentials);
    to.clear().await?;
    copy!(|last| pages::passwords(from, last), |page| to
        .take_passwords(page));
    copy!(|last| pages::sessions(from, last), |page| to
        .take_sessions(page));

    let (from, to) = (&source.notifications, &target.notifications);
    to.clear(from.checkpoint().await?).await?;
    copy!(|last| pages::notifications(from, last), |page| to
        .take_notifications(page));
    copy!(|last| pages::webhooks(from, last), |page| to
        .take_webhooks(page));
    copy!(|last| pages::deliveries(from, last), |page| to
        .take_deliveries(page));

    let (from, to) = (&source.keys, &target.keys);
    to.clear().await?;
    copy!(|last| pages::keys(from, last), |page| to.take_keys(page));
    copy!(|last| pages::secrets(from, last), |page| to
        .take_secrets(page));
    Ok(())
}
