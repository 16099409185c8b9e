//! Events as the checks read them: straight from their JSON, only the fields that they need.
//!
//! Deliberately not the domain's types: what decides and folds must not be what checks it.

use std::{borrow::Cow, collections::BTreeMap};

use chrono::{DateTime, Utc};
use event_store::RecordedEvent;
use serde::Deserialize;
use uuid::Uuid;

/// The one version of every event there is so far.
const VERSION: &str = "1";

/// A text, borrowed from the payload where it has no escapes.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

#[derive(Debug, Deserialize)]
pub(super) struct ListedRow<'a> {
    #[serde(borrow)]
    pub(super) seats: Vec<ListedSeat<'a>>,
}

/// `[guid, number, category, x, y]`
#[derive(Debug, Deserialize)]
pub(super) struct ListedSeat<'a>(
    #[serde(borrow)] pub(super) Text<'a>,
    /// The number.
    serde::de::IgnoredAny,
    pub(super) usize,
    /// x.
    serde::de::IgnoredAny,
    /// y.
    serde::de::IgnoredAny,
);

#[derive(Debug, Deserialize)]
pub(super) struct HeldSeat<'a> {
    #[serde(borrow)]
    pub(super) seat_guid: Text<'a>,
    pub(super) price: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Standing<'a> {
    #[serde(borrow)]
    pub(super) category: Text<'a>,
    pub(super) quantity: u32,
    #[serde(default)]
    pub(super) price: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Scheduled<'a> {
    pub(super) on_sale_at: DateTime<Utc>,
    #[serde(default)]
    pub(super) off_sale_at: Option<DateTime<Utc>>,
    #[serde(borrow)]
    pub(super) prices: BTreeMap<Text<'a>, i64>,
    pub(super) categories: Vec<Text<'a>>,
    pub(super) hold_seconds: i64,
    pub(super) max_seats_per_customer: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct Held<'a> {
    pub(super) reservation_id: Uuid,
    pub(super) customer_id: Uuid,
    #[serde(borrow)]
    pub(super) seats: Vec<HeldSeat<'a>>,
    #[serde(default)]
    pub(super) standing: Option<Standing<'a>>,
    pub(super) amount: i64,
    pub(super) expires_at: DateTime<Utc>,
    #[serde(default)]
    pub(super) pass: Option<Uuid>,
}

/// A reservation that ends or is sold: what it takes up stands in the event, too.
#[derive(Debug, Deserialize)]
pub(super) struct Moved<'a> {
    pub(super) reservation_id: Uuid,
    pub(super) customer_id: Uuid,
    #[serde(default, borrow)]
    pub(super) seats: Vec<Text<'a>>,
    #[serde(default)]
    pub(super) standing: Option<Standing<'a>>,
    #[serde(default)]
    pub(super) payment_id: Option<Uuid>,
    #[serde(default)]
    pub(super) amount: Option<i64>,
    #[serde(default)]
    pub(super) retaken: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct House<'a> {
    #[serde(borrow)]
    pub(super) seats: Vec<Text<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Payment {
    pub(super) reservation_id: Uuid,
    pub(super) show_id: Uuid,
    pub(super) customer_id: Uuid,
    #[serde(default)]
    pub(super) amount: i64,
    #[serde(default)]
    pub(super) resume_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub(super) refunded: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Movement {
    pub(super) customer_id: Uuid,
    #[serde(default)]
    pub(super) payment_id: Uuid,
    #[serde(default)]
    pub(super) amount: i64,
    pub(super) balance_after: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Acted<'a> {
    #[serde(borrow)]
    pub(super) act: Text<'a>,
    #[serde(borrow)]
    pub(super) actor: Text<'a>,
    #[serde(borrow)]
    pub(super) reason: Text<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Entrant {
    pub(super) number: u64,
    pub(super) entry_id: Uuid,
    pub(super) customer_id: Uuid,
}

#[derive(Debug, Deserialize)]
pub(super) struct Flow<'a> {
    #[serde(borrow)]
    pub(super) change: Text<'a>,
    pub(super) opens_at: DateTime<Utc>,
    pub(super) paused: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct DropOpened<'a> {
    pub(super) opens_at: DateTime<Utc>,
    pub(super) closes_at: DateTime<Utc>,
    pub(super) stock: i64,
    pub(super) price: i64,
    #[serde(borrow)]
    pub(super) win_probability: Text<'a>,
    #[serde(borrow)]
    pub(super) draw: Text<'a>,
    #[serde(borrow)]
    pub(super) commitment: Text<'a>,
    #[serde(default)]
    pub(super) beacon: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
pub(super) struct DropEntrant {
    pub(super) entry_id: Uuid,
    pub(super) customer_id: Uuid,
}

#[derive(Debug, Deserialize)]
pub(super) struct Drawn<'a> {
    pub(super) index: usize,
    pub(super) entry_id: Uuid,
    #[serde(borrow)]
    pub(super) lot: Text<'a>,
    #[serde(borrow)]
    pub(super) result: Text<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Settled<'a> {
    pub(super) index: usize,
    pub(super) entry_id: Uuid,
    #[serde(borrow)]
    pub(super) outcome: Text<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Standby {
    pub(super) index: usize,
}

#[derive(Debug, Deserialize)]
pub(super) struct Nothing {}

#[derive(Debug, Deserialize)]
pub(super) struct Erased {
    #[serde(default)]
    pub(super) resume_at: Option<DateTime<Utc>>,
}

/// What happened.
#[derive(Debug, Deserialize)]
pub(super) enum Fact<'a> {
    VenueRegistered(Nothing),
    ZoneAdded(Nothing),
    StandingAreaAdded(Nothing),
    ConcertAnnounced(Nothing),
    ConcertRevised(Nothing),
    ShowScheduled(#[serde(borrow)] Scheduled<'a>),
    SeatsListed {
        #[serde(borrow)]
        rows: Vec<ListedRow<'a>>,
    },
    StandingListed {
        #[serde(borrow)]
        category: Text<'a>,
        capacity: u32,
    },
    SeatsHeld(#[serde(borrow)] Held<'a>),
    HoldExtended {
        reservation_id: Uuid,
        expires_at: DateTime<Utc>,
    },
    HoldReleased(#[serde(borrow)] Moved<'a>),
    HoldExpired(#[serde(borrow)] Moved<'a>),
    ReservationConfirmed(#[serde(borrow)] Moved<'a>),
    PaymentAbandoned {
        reservation_id: Uuid,
        payment_id: Uuid,
    },
    ReservationCancelled(#[serde(borrow)] Moved<'a>),
    SeatsBlocked(#[serde(borrow)] House<'a>),
    SeatsUnblocked(#[serde(borrow)] House<'a>),
    ShowCancelled {
        cancelled_at: DateTime<Utc>,
    },
    PaymentRequested(Payment),
    PaymentCompleted(Payment),
    PaymentFailed(Payment),
    RefundRequested(Payment),
    PaymentRefunded(Payment),
    PointsCharged(Movement),
    PointsDebited(Movement),
    PointsDebitBarred(Movement),
    PointsCredited(Movement),
    CustomerRegistered(Nothing),
    CustomerUpdated(Nothing),
    CustomerErased(Erased),
    PersonalDataDestroyed(Nothing),
    OperatorActed(#[serde(borrow)] Acted<'a>),
    NumbersReserved {
        first: u64,
        last: u64,
    },
    CustomersAdmitted {
        admitted: Vec<Entrant>,
        expires_at: DateTime<Utc>,
    },
    PassesExpired {
        passes: Vec<Entrant>,
    },
    FlowChanged(#[serde(borrow)] Flow<'a>),
    DropOpened(#[serde(borrow)] DropOpened<'a>),
    EntriesRecorded {
        first: usize,
        entries: Vec<DropEntrant>,
    },
    DropClosed {
        entries: usize,
        closed_at: DateTime<Utc>,
    },
    EntriesSealed {
        #[serde(borrow)]
        root: Text<'a>,
    },
    BeaconRecorded {
        #[serde(borrow)]
        value: Text<'a>,
    },
    EntriesDrawn {
        #[serde(borrow)]
        drawn: Vec<Drawn<'a>>,
        stock_left: i64,
    },
    WinnersSettled {
        #[serde(borrow)]
        settled: Vec<Settled<'a>>,
        promoted: Vec<Standby>,
        stock_left: i64,
    },
    StandbysDismissed {
        dismissed: Vec<Standby>,
    },
    SecretRevealed {
        #[serde(borrow)]
        secret: Text<'a>,
    },
}

/// An event that could be read.
#[derive(Debug)]
pub(super) struct Read<'a> {
    /// As the log has it.
    pub(super) event: &'a RecordedEvent,
    /// The stream's id.
    pub(super) id: Uuid,
    /// What happened.
    pub(super) fact: Fact<'a>,
}

/// The kinds of streams there are; a stream's index in it stands for its kind.
pub(crate) const KINDS: [&str; 9] = [
    "venue",
    "concert",
    "show",
    "payment",
    "point_account",
    "customer",
    "operation",
    "waiting_room",
    "drop",
];

/// Reads an event, or says why that can't be done.
pub(super) fn read(event: &RecordedEvent) -> Result<Read<'_>, String> {
    if !KINDS.contains(&&*event.stream.aggregate_type) {
        return Err(format!(
            "unknown aggregate type {:?}",
            event.stream.aggregate_type
        ));
    }
    if event.event_version != VERSION {
        return Err(format!(
            "unknown version {:?} of {}",
            event.event_version, event.event_type
        ));
    }
    let id = Uuid::try_parse(&event.stream.aggregate_id)
        .map_err(|_| format!("{:?} is no id of a stream", event.stream.aggregate_id))?;
    let fact = serde_json::from_str(&event.payload)
        .map_err(|error| format!("the payload of {} can't be read: {error}", event.event_type))?;
    if !is_tagged(&event.payload, &event.event_type) {
        return Err(format!("the payload is not of {}", event.event_type));
    }
    if !event.metadata.starts_with('{')
        || serde_json::from_str::<BTreeMap<Cow<'_, str>, Text<'_>>>(&event.metadata).is_err()
    {
        return Err("the metadata is not a flat object of texts".to_owned());
    }
    Ok(Read { event, id, fact })
}

/// Whether an externally tagged payload is of this type: `{"<type>":...`.
fn is_tagged(payload: &str, event_type: &str) -> bool {
    let tag = payload.trim_start().strip_prefix('{').map(str::trim_start);
    let rest = tag
        .and_then(|tag| tag.strip_prefix('"'))
        .and_then(|tag| tag.strip_prefix(event_type));
    rest.is_some_and(|rest| rest.starts_with('"'))
}
