//! What a log keeps beside its events, made of the events by the same pure functions that kept it: each stream is folded once more.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use command_api::{
    commands::step_id,
    deciding::{Deciding, Stored, decode},
    identity::EMAIL_CLAIM,
    key_store::{HmacPurpose, KeyStore, SqliteKeyStore},
    personal_data::{self, EmailDigests, Field},
    process_managers::STEPS,
};
use domain::{
    Aggregate, concert::Concert, customer::Customer, drop::FairDrop, operation::Operation,
    payment::Payment, point_account::PointAccount, show::Show, venue::Venue,
    waiting_room::WaitingRoom,
};
use event_store::{
    EventLog, Position, RecordedEvent, StreamId,
    claims::{Claim, ClaimChange},
    executor::Decider,
    log::sqlite::SqliteImport,
};
use serde_json::Value;
use uuid::Uuid;

use super::{PAGE, Report, drop_steps::DropSteps};

/// Streams folded, and rows written, at a time.
const STREAMS: usize = 500;

/// What a stream's events say.
#[derive(Debug, Default)]
struct Said {
    wake_at: Option<DateTime<Utc>>,
    claims: BTreeMap<(String, String), Claim>,
    /// The e-mail address of a customer that was not erased.
    email: Option<domain::customer::event::Ciphertext>,
}

/// Timers and claims of all streams.
pub(super) async fn streams(
    log: &dyn EventLog,
    keys: Option<&SqliteKeyStore>,
    import: &mut SqliteImport,
    report: &mut Report,
    progress: &impl Fn(&'static str, u64, u64),
) -> anyhow::Result<()> {
    let digests = match keys {
        Some(keys) => Some(EmailDigests::new(&keys.hmac_key(HmacPurpose::Email).await?)),
        None => None,
    };
    let mut after: Option<StreamId> = None;
    let mut folded = 0;
    loop {
        let page = log.list_stream_heads(after.as_ref(), STREAMS).await?;
        let Some((last, _)) = page.last() else {
            return Ok(());
        };
        after = Some(last.clone());
        let (mut timers, mut claims) = (Vec::new(), Vec::new());
        for (stream, head) in page {
            let said = fold(log, &stream, head.version).await?;
            timers.extend(said.wake_at.map(|at| (stream.clone(), at)));
            claims.extend(said.claims.into_values());
            if let Some(email) = said.email {
                match email_claim(&stream, &email, keys, digests.as_ref()).await? {
                    Some(claim) => claims.push(claim),
                    None => report.unread_emails += 1,
                }
            }
            report.streams += 1;
            folded += head.version;
        }
        report.timers += timers.len() as u64;
        report.claims += claims.len() as u64;
        import.timers(&timers).await?;
        import.claims(&claims).await?;
        progress("events folded", folded, report.events);
    }
}

async fn fold(log: &dyn EventLog, stream: &StreamId, version: u64) -> anyhow::Result<Said> {
    macro_rules! fold {
        ($($aggregate:ty),*) => {
            match &*stream.aggregate_type {
                $(<$aggregate as Aggregate>::TYPE => {
                    Ok(fold_as::<$aggregate>(log, stream, version).await?.0)
                })*
                other => bail!("there are no {other:?} streams that this program knows"),
            }
        };
    }
    if &*stream.aggregate_type == <Customer as Aggregate>::TYPE {
        let (mut said, customer) = fold_as::<Customer>(log, stream, version).await?;
        said.email = (!customer.erased).then_some(customer.email);
        return Ok(said);
    }
    fold!(
        Venue,
        Concert,
        Show,
        Payment,
        PointAccount,
        Operation,
        WaitingRoom,
        FairDrop
    )
}

async fn fold_as<A: Stored + Default>(
    log: &dyn EventLog,
    stream: &StreamId,
    version: u64,
) -> anyhow::Result<(Said, A)> {
    let (mut state, mut said, mut after) = (A::default(), Said::default(), 0);
    while after < version {
        let page = log.read_stream(stream, after, PAGE).await?;
        let Some(last) = page.last() else {
            bail!("the stream {stream} has no event {}", after + 1);
        };
        for (event, sequence) in page.iter().zip(after + 1..) {
            if event.sequence != sequence {
                bail!("the stream {stream} has no event {sequence}");
            }
            let event = decode::<A>(event).map_err(anyhow::Error::msg)?;
            for change in <Deciding<A> as Decider>::claims(stream, &event) {
                said.change(change);
            }
            state.evolve(&event);
        }
        after = last.sequence;
    }
    said.wake_at = state.wake_at();
    Ok((said, state))
}

impl Said {
    fn change(&mut self, change: ClaimChange) {
        match change {
            ClaimChange::Set {
                namespace,
                key,
                stream,
            } => {
                let pair = (namespace.clone(), key.clone());
                let claim = Claim {
                    namespace,
                    key,
                    stream,
                };
                self.claims.insert(pair, claim);
            }
            ClaimChange::Release { namespace, key, .. } => {
                self.claims.remove(&(namespace, key));
            }
        }
    }
}

/// The claim on a customer's e-mail address: no event has its digest, which is made of the address and a key.
async fn email_claim(
    stream: &StreamId,
    email: &domain::customer::event::Ciphertext,
    keys: Option<&SqliteKeyStore>,
    digests: Option<&EmailDigests>,
) -> anyhow::Result<Option<Claim>> {
    let (Some(keys), Some(digests)) = (keys, digests) else {
        return Ok(None);
    };
    let customer: Uuid = stream
        .aggregate_id
        .parse()
        .with_context(|| format!("the stream {stream} is no customer's"))?;
    let Some(key) = keys.key(customer).await? else {
        return Ok(None);
    };
    let email = personal_data::decrypt(&key, customer, Field::Email, email)
        .with_context(|| format!("the e-mail address of {stream}"))?;
    Ok(Some(Claim {
        namespace: EMAIL_CLAIM.to_owned(),
        key: digests.digest(&email),
        stream: stream.clone(),
    }))
}

/// The steps of sagas and drops: their ids are made of whose they are, so they are known again; other commands are not.
pub(super) async fn steps(
    log: &dyn EventLog,
    import: &mut SqliteImport,
    report: &mut Report,
    progress: &impl Fn(&'static str, u64, u64),
) -> anyhow::Result<()> {
    let (mut after, mut open) = (Position(0), None::<(Uuid, Position, Position)>);
    let mut drops = DropSteps::default();
    loop {
        let page = log.read_all(after, PAGE).await?;
        let mut steps = Vec::new();
        for event in &page {
            match &mut open {
                Some((command, _, last)) if *command == event.command_id => *last = event.position,
                open => {
                    steps.extend(open.take());
                    let is_step = is_step(event) || drops.is_step(event)?;
                    *open = is_step.then_some((event.command_id, event.position, event.position));
                }
            }
            drops.apply(event)?;
        }
        let done = page.is_empty();
        if done {
            steps.extend(open.take());
        }
        report.steps += steps.len() as u64;
        import.steps(&steps).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = last.position;
        progress("commands found", after.0, report.events);
    }
}

/// Whether an event is the first of a step of a saga.
fn is_step(event: &RecordedEvent) -> bool {
    sagas(event).iter().any(|saga| {
        let mut steps = STEPS.iter();
        steps.any(|step| step_id(*saga, step) == event.command_id)
    })
}

/// The sagas that an event may be of: its own stream, or the payment that it names.
fn sagas(event: &RecordedEvent) -> Vec<Uuid> {
    let payload: Value = serde_json::from_str(&event.payload).unwrap_or_default();
    let fields = payload
        .as_object()
        .and_then(|variants| variants.values().next());
    let payment = fields
        .and_then(|fields| fields.get("payment_id"))
        .and_then(Value::as_str);
    [Some(&*event.stream.aggregate_id), payment]
        .into_iter()
        .flatten()
        .filter_map(|id| id.parse().ok())
        .collect()
}
