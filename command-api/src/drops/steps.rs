//! What a drop needs after its entries close: carried out step by step, each under an id of its own, so that doing one again changes nothing.

use std::time::Duration;

use domain::{
    Aggregate,
    drop::{Command, DRAW_BATCH, Entry, Event, FairDrop, Lot, Outcome, Status, Step, View},
    ids::{DropEntryId, DropId, PaymentId},
    payment::METHOD,
    points::Points,
};
use event_store::executor::{self, Answer};
use futures::StreamExt;

use super::{
    Error,
    beacon::{Answer as Told, Beacons},
    fairness::{self, Lots},
};
use crate::{
    commands::{self, Origin},
    key_store::{Key, KeyStore},
    payment_provider::{self, Order},
    process_managers::Next,
    state::Core,
};

/// Winners asked for the price in one round: what a crash may have to ask again.
const ROUND: usize = 200;
/// Winners asked at the same time: they wait for commits that serve all of them together.
const CONCURRENCY: usize = 32;
/// Most steps of one turn; the timer goes on with the rest.
const MAX_STEPS: usize = 10_000;

/// Why a drop does not go on now.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// A step failed.
    #[error(transparent)]
    Drop(#[from] Error),
    /// A winner could not be asked for the price.
    #[error("the winner {entry} can't be asked for the price now: {cause}")]
    Payment {
        /// Which one.
        entry: DropEntryId,
        /// What came instead of an answer.
        cause: payment_provider::Error,
    },
    /// Nobody takes points.
    #[error("nobody takes {METHOD}")]
    NoProvider,
}

impl From<executor::Error<domain::drop::Error>> for Halt {
    fn from(error: executor::Error<domain::drop::Error>) -> Self {
        Self::Drop(error.into())
    }
}

type Executed = Result<Answer<Event>, executor::Error<domain::drop::Error>>;

/// Carries out a step, or repeats its answer.
async fn take(core: &Core, drop: DropId, step: &str, command: Command) -> Executed {
    let origin = Origin::manager("drops", drop.0);
    let request = commands::step(drop.0, step, &origin, None, command);
    core.executors
        .drops
        .execute(&drop.to_string(), request)
        .await
}

pub(super) async fn view(
    core: &Core,
    drop: DropId,
) -> Result<Option<View>, executor::Error<domain::drop::Error>> {
    let look = |drop: &FairDrop, _, _| drop.view();
    core.executors.drops.read(&drop.to_string(), look).await
}

/// The drop's secret, which was made before it was opened.
pub(super) async fn secret(keys: &dyn KeyStore, drop: DropId) -> Result<Key, Error> {
    let secret = keys.secret(&fairness::secret_name(drop)).await?;
    secret.ok_or(Error::SecretLost(drop))
}

/// Publishes the root of a closed list.
pub(super) async fn seal(core: &Core, drop: DropId) -> Result<(), Error> {
    let look = |drop: &FairDrop, _, _| {
        let is_sealed = drop.view().is_none_or(|view| view.root.is_some());
        (!is_sealed).then(|| drop.entry_ids())
    };
    let drops = &core.executors.drops;
    let Some(entries) = drops.read(&drop.to_string(), look).await? else {
        return Ok(());
    };
    let length = u32::try_from(entries.len()).unwrap_or(u32::MAX);
    let root = aside(move || fairness::root(&entries)).await?;
    let command = Command::Seal {
        root: hex::encode(root),
        entries: length,
    };
    take(core, drop, "seal", command).await?;
    core.failpoints.pass("drop.sealed").await;
    Ok(())
}

/// Work of some hundred milliseconds, where it holds up no request.
async fn aside<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Result<R, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| executor::Error::Broken(error.to_string()).into())
}

/// Drives a drop as far as it can go now.
///
/// # Errors
/// [`Halt`]; to be tried again.
pub async fn drive(
    core: &Core,
    keys: &dyn KeyStore,
    beacons: &Beacons,
    drop: DropId,
) -> Result<Next, Halt> {
    let drops = &core.executors.drops;
    for _ in 0..MAX_STEPS {
        let look = |drop: &FairDrop, _, now| (drop.step(now), drop.wake_at());
        let (step, timer) = drops.read(&drop.to_string(), look).await?;
        match step {
            Step::Wait { .. } | Step::Over => return Ok(Next::Nothing),
            Step::Close => {
                take(
                    core,
                    drop,
                    &format!("close/{}", uuid::Uuid::now_v7()),
                    Command::Tick,
                )
                .await?;
                core.failpoints.pass("drop.closed").await;
            }
            Step::Seal => seal(core, drop).await?,
            Step::Beacon => {
                if let Some(pause) = learn(core, beacons, drop).await? {
                    return Ok(Next::After { pause, timer });
                }
            }
            Step::Draw => draw(core, keys, drop).await?,
            Step::Settle => settle(core, drop).await?,
            Step::Release => release(core, drop).await?,
            Step::Dismiss => dismiss(core, drop).await?,
            Step::Reveal => {
                let secret = secret(keys, drop).await?;
                let secret = hex::encode(secret.expose());
                take(core, drop, "reveal", Command::Reveal { secret }).await?;
                core.failpoints.pass("drop.revealed").await;
            }
        }
    }
    Ok(Next::Nothing)
}

/// Asks the beacon for its value, and records it; otherwise when to ask again. What the organizer has told meanwhile counts.
async fn learn(core: &Core, beacons: &Beacons, drop: DropId) -> Result<Option<Duration>, Halt> {
    let Some(terms) = view(core, drop).await?.map(|view| view.terms) else {
        return Ok(None);
    };
    let Some(beacon) = terms.beacon else {
        return Ok(None);
    };
    let (value, signature) = match beacons.ask(&beacon.source, beacon.round).await {
        Told::Value { value, signature } => (value, Some(signature)),
        Told::Later(pause) => return Ok(Some(pause)),
    };
    let command = Command::RecordBeacon {
        organizer_id: terms.organizer_id,
        value,
        signature,
    };
    match take(core, drop, "beacon", command).await {
        Ok(_) => core.failpoints.pass("drop.beacon").await,
        // The organizer was faster, and told another value than the beacon did: for everybody to see.
        Err(executor::Error::Refused {
            error: domain::drop::Error::BeaconRecorded,
            ..
        }) => {
            tracing::warn!(%drop, source = beacon.source, round = beacon.round, "another value of the beacon was told");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(None)
}

/// Draws everybody, in the order of their lots.
async fn draw(core: &Core, keys: &dyn KeyStore, drop: DropId) -> Result<(), Halt> {
    let look = |drop: &FairDrop, _, _| drop.view().map(|view| (view, drop.entry_ids()));
    let drops = &core.executors.drops;
    let Some((view, entries)) = drops.read(&drop.to_string(), look).await? else {
        return Ok(());
    };
    let secret = secret(keys, drop).await?;
    let mut root = fairness::NO_ROOT;
    // A drop that is drawn was sealed before; its root is what this program wrote.
    let _ = hex::decode_to_slice(view.root.as_deref().unwrap_or_default(), &mut root);
    let beacon = view.beacon.unwrap_or_default();
    let order = aside(move || in_order(&Lots::new(&secret, &root, &beacon), &entries)).await?;
    let mut from = view.drawn;
    for lots in order[from as usize..].chunks(DRAW_BATCH) {
        let lots = lots.to_vec();
        let drawn = u32::try_from(lots.len()).unwrap_or(u32::MAX);
        take(
            core,
            drop,
            &format!("draw/{from}"),
            Command::Draw { from, lots },
        )
        .await?;
        core.failpoints.pass("drop.drawn").await;
        from += drawn;
    }
    Ok(())
}

/// Places in the list with their lots, the least first; of equal ones the least id.
pub(crate) fn in_order(lots: &Lots, entries: &[DropEntryId]) -> Vec<(u32, Lot)> {
    let numbered = (0..).zip(entries);
    let mut order: Vec<(Lot, DropEntryId, u32)> = numbered
        .map(|(index, entry)| (lots.of(*entry), *entry, index))
        .collect();
    order.sort_unstable();
    let order = order.into_iter();
    order.map(|(lot, _, index)| (index, lot)).collect()
}

/// A round of winners or of those who forfeited, and the price.
async fn round(
    core: &Core,
    drop: DropId,
    which: fn(&FairDrop, usize) -> Vec<(u32, Entry)>,
) -> Result<(Points, Vec<(u32, Entry)>), Halt> {
    let look = move |drop: &FairDrop, _, _| {
        let price = drop.view().map_or(0, |view| view.terms.price);
        (price, which(drop, ROUND))
    };
    Ok(core.executors.drops.read(&drop.to_string(), look).await?)
}

fn order<'a>(entry: &Entry, amount: Points, origin: &'a Origin) -> Order<'a> {
    Order {
        payment_id: PaymentId(entry.entrant.entry_id.0),
        customer_id: entry.entrant.customer_id,
        amount,
        origin,
        deadline: None,
    }
}

/// Asks winners for the price and records what came of it. Who can't be asked now is asked again later; the others need not wait.
async fn settle(core: &Core, drop: DropId) -> Result<(), Halt> {
    let (price, winners) = round(core, drop, FairDrop::unsettled).await?;
    let provider = core.payment_providers.of(METHOD).ok_or(Halt::NoProvider)?;
    let origin = Origin::manager("drops", drop.0);
    let ask = async |(index, winner): &(u32, Entry)| {
        debug_assert_eq!(winner.status, Status::Won);
        let outcome = match provider.debit(&order(winner, price, &origin)).await {
            Ok(Ok(_)) => Outcome::Paid,
            Ok(Err(declined)) => Outcome::Forfeited {
                code: declined.code.to_owned(),
            },
            Err(cause) => {
                let entry = winner.entrant.entry_id;
                return Err(Halt::Payment { entry, cause });
            }
        };
        core.failpoints.pass("drop.debited").await;
        Ok((*index, outcome))
    };
    let asked: Vec<_> = futures::stream::iter(&winners)
        .map(ask)
        .buffered(CONCURRENCY)
        .collect()
        .await;
    record(core, drop, asked).await?;
    core.failpoints.pass("drop.settled").await;
    Ok(())
}

/// Sees to it that who forfeited is not debited: by another leader a moment ago, or ever.
async fn release(core: &Core, drop: DropId) -> Result<(), Halt> {
    let (price, forfeited) = round(core, drop, FairDrop::unreleased).await?;
    let provider = core.payment_providers.of(METHOD).ok_or(Halt::NoProvider)?;
    let origin = Origin::manager("drops", drop.0);
    let give_back = async |(index, entry): &(u32, Entry)| {
        let credited = provider.credit(&order(entry, price, &origin)).await;
        let entry = entry.entrant.entry_id;
        credited.map_err(|cause| Halt::Payment { entry, cause })?;
        Ok((*index, Outcome::Released))
    };
    let released: Vec<_> = futures::stream::iter(&forfeited)
        .map(give_back)
        .buffered(CONCURRENCY)
        .collect()
        .await;
    record(core, drop, released).await?;
    core.failpoints.pass("drop.released").await;
    Ok(())
}

/// Lets those go who were next, a batch of them.
async fn dismiss(core: &Core, drop: DropId) -> Result<(), Halt> {
    let drops = &core.executors.drops;
    let look = |drop: &FairDrop, _, _| drop.next_standby();
    if let Some(first) = drops.read(&drop.to_string(), look).await? {
        take(core, drop, &dismiss_step(first), Command::Dismiss).await?;
        core.failpoints.pass("drop.dismissed").await;
    }
    Ok(())
}

/// Records the outcomes that there are; then the first failure.
async fn record(
    core: &Core,
    drop: DropId,
    asked: Vec<Result<(u32, Outcome), Halt>>,
) -> Result<(), Halt> {
    let mut failure = None;
    let mut outcomes = Vec::with_capacity(asked.len());
    for outcome in asked {
        match outcome {
            Ok(outcome) => outcomes.push(outcome),
            Err(halt) => failure = failure.or(Some(halt)),
        }
    }
    if !outcomes.is_empty() {
        let step = settle_step(&outcomes);
        take(core, drop, &step, Command::Settle { outcomes }).await?;
    }
    failure.map_or(Ok(()), Err)
}

/// The name of the step that lets a batch go; permanent. The first of the batch is part of it.
pub fn dismiss_step(first: DropEntryId) -> String {
    format!("dismiss/{first}")
}

/// The name of the step that records outcomes; permanent. They are part of it: another outcome is another step, and the drop decides which
/// one counts.
pub fn settle_step(outcomes: &[(u32, Outcome)]) -> String {
    format!("settle/{outcomes:?}")
}
