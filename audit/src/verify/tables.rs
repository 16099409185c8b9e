//! Stream heads, timers and claims: what appends keep beside the events must be what the events say.
//!
//! The tables are read after the events, and a server may go on writing meanwhile. So what differs is looked at once more: whatever
//! the events behind the checked head touch is not judged this time.

use std::collections::HashSet;

use event_store::{EventLog, Position, StreamId, claims::Claim, log::StreamHead};
use uuid::Uuid;

use super::{
    Books, Error, PAGE,
    facts::{self, Fact},
    noted,
    report::{At, Check, Findings, MAX_FINDINGS},
};

const RESERVATION: &str = "reservation";
const LIVE_PAYMENT: &str = "live_payment";
const EMAIL: &str = "email";

/// Something that differs, unless it was touched since.
#[derive(Debug)]
struct Suspect {
    check: Check,
    at: At,
    detail: String,
    /// What would explain it: a stream, or the stream or entity that a claim is about.
    about: Vec<String>,
}

/// Bound on what differs and is kept until it is looked at again: far more than are reported.
const MAX_SUSPECTS: usize = 16 * MAX_FINDINGS;

#[derive(Debug, Default)]
struct Suspects(Vec<Suspect>);

impl Suspects {
    fn add(&mut self, check: Check, at: At, detail: String, about: Vec<String>) {
        if self.0.len() < MAX_SUSPECTS {
            self.0.push(Suspect {
                check,
                at,
                detail,
                about,
            });
        }
    }
}

/// Compares heads, timers and claims with the books that were kept of the events up to `head`.
pub(super) async fn check(
    log: &dyn EventLog,
    head: Position,
    books: &Books,
    findings: &mut Findings,
) -> Result<(), Error> {
    let mut suspects = Suspects::default();
    let compared = heads(log, books, &mut suspects, findings).await;
    noted(compared, Check::Timers, findings)?;
    let compared = claims(log, books, &mut suspects, findings).await;
    noted(compared, Check::Claims, findings)?;
    if suspects.0.is_empty() {
        return Ok(());
    }
    let touched = touched(log, head).await?;
    for suspect in suspects.0 {
        if !suspect.about.iter().any(|about| touched.contains(about)) {
            findings.add(suspect.check, suspect.at, suspect.detail);
        }
    }
    Ok(())
}

async fn heads(
    log: &dyn EventLog,
    books: &Books,
    suspects: &mut Suspects,
    findings: &mut Findings,
) -> Result<(), Error> {
    let mut seen = 0;
    let mut page = log.list_stream_heads(None, PAGE).await?;
    while let Some((last, _)) = page.last() {
        let following = log.list_stream_heads(Some(last), PAGE);
        page = while_it_comes(following, || {
            for (stream, head) in &page {
                findings.checked(Check::Timers, 1);
                let about = || vec![stream.to_string()];
                match books.streams.check_head(stream, head) {
                    Some(detail) => suspects.add(Check::Sequences, stream.into(), detail, about()),
                    None => seen += 1,
                }
                if let Some(detail) = timer(books, stream, head) {
                    suspects.add(Check::Timers, stream.into(), detail, about());
                }
            }
        })
        .await?;
    }
    if seen < books.streams.len() && suspects.0.is_empty() {
        let detail = format!(
            "{} streams have events, {seen} have heads",
            books.streams.len()
        );
        findings.add(Check::Sequences, At::Log, detail);
    }
    Ok(())
}

/// The page that was asked for, and `work` done on the one before it meanwhile: the log's thread and this one share the time.
pub(super) async fn while_it_comes<T>(page: impl Future<Output = T>, work: impl FnOnce()) -> T {
    // Whoever is asked first is asked before the work begins.
    let (page, ()) = tokio::join!(biased; page, async { work() });
    page
}

/// What is wrong with a stream's timer, if anything.
fn timer(books: &Books, stream: &StreamId, head: &StreamHead) -> Option<String> {
    let id = Uuid::try_parse(&stream.aggregate_id).ok();
    let expected = match (&*stream.aggregate_type, id) {
        ("show", Some(id)) => books.shows.wake_at(id),
        ("payment", Some(id)) => books.payments.wake_at(id),
        ("waiting_room", Some(id)) => books.rooms.wake_at(id),
        ("drop", Some(id)) => books.drops.wake_at(id),
        ("customer", Some(id)) => books.erasures.get(&id).copied(),
        _ => None,
    };
    let told = head.wake_at;
    (told != expected).then(|| format!("its timer is {told:?}, its events say {expected:?}"))
}

async fn claims(
    log: &dyn EventLog,
    books: &Books,
    suspects: &mut Suspects,
    findings: &mut Findings,
) -> Result<(), Error> {
    let (mut reservations, mut payments) = (0, 0);
    let mut with_email: HashSet<Uuid> = HashSet::new();
    let mut page = log.list_claims(None, PAGE).await?;
    while let Some(last) = page.last() {
        let following = log.list_claims(Some((&last.namespace, &last.key)), PAGE);
        page = while_it_comes(following, || {
            for claim in &page {
                findings.checked(Check::Claims, 1);
                let subject = Uuid::try_parse(&claim.key).unwrap_or_default();
                let is_right = match claim.namespace.as_str() {
                    RESERVATION => count(
                        holds(claim, "show", books.shows.show_of(subject)),
                        &mut reservations,
                    ),
                    LIVE_PAYMENT => count(
                        holds(claim, "payment", books.payments.live(subject)),
                        &mut payments,
                    ),
                    EMAIL => Uuid::try_parse(&claim.stream.aggregate_id)
                        .is_ok_and(|id| books.customers.contains(&id) && with_email.insert(id)),
                    _ => false,
                };
                if !is_right {
                    let about = vec![claim.key.clone(), claim.stream.to_string()];
                    let detail = format!("held by {}, but the events say otherwise", claim.stream);
                    let at = key(&claim.namespace, &claim.key);
                    suspects.add(Check::Claims, at, detail, about);
                }
            }
        })
        .await?;
    }
    // What is missing is named one by one, and only where something is.
    if reservations < books.shows.reservations().len() {
        let expected = books.shows.reservations();
        missing(log, RESERVATION, "show", expected, suspects).await?;
    }
    if payments < books.payments.all_live().len() {
        let expected = books.payments.all_live();
        missing(log, LIVE_PAYMENT, "payment", expected, suspects).await?;
    }
    for customer in books.customers.difference(&with_email) {
        let stream = format!("customer/{customer}");
        let detail = "the customer has no claim on an e-mail address".to_owned();
        suspects.add(
            Check::Claims,
            At::Stream(stream.clone()),
            detail,
            vec![stream],
        );
    }
    Ok(())
}

fn holds(claim: &Claim, kind: &str, expected: Option<Uuid>) -> bool {
    *claim.stream.aggregate_type == *kind
        && expected.is_some_and(|id| id.to_string() == *claim.stream.aggregate_id)
}

fn count(is_right: bool, counter: &mut usize) -> bool {
    *counter += usize::from(is_right);
    is_right
}

fn key(namespace: &str, key: &str) -> At {
    At::Key(format!("claims/{namespace}/{key}"))
}

async fn missing(
    log: &dyn EventLog,
    namespace: &str,
    kind: &str,
    expected: impl Iterator<Item = (Uuid, Uuid)>,
    suspects: &mut Suspects,
) -> Result<(), Error> {
    for (subject, holder) in expected {
        if log.claim(namespace, &subject.to_string()).await?.is_none() {
            let stream = format!("{kind}/{holder}");
            let detail = format!("not held, but the events give it to {stream}");
            suspects.add(
                Check::Claims,
                key(namespace, &subject.to_string()),
                detail,
                vec![subject.to_string(), stream],
            );
        }
    }
    Ok(())
}

/// Everything that events behind `head` are about: their streams, and what their claims are about.
async fn touched(log: &dyn EventLog, head: Position) -> Result<HashSet<String>, Error> {
    let mut touched = HashSet::new();
    let mut after = head;
    loop {
        let page = log.read_all(after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(touched);
        };
        after = last.position;
        for event in &page {
            touched.insert(event.stream.to_string());
            if let Ok(read) = facts::read(event) {
                match read.fact {
                    Fact::SeatsHeld(hold) => touched.insert(hold.reservation_id.to_string()),
                    Fact::PaymentRequested(payment) | Fact::PaymentFailed(payment) => {
                        touched.insert(payment.reservation_id.to_string())
                    }
                    _ => false,
                };
            }
        }
    }
}
