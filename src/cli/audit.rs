//! `frontrow audit`: what it is told.

use std::path::PathBuf;

use audit::{
    as_of::{Model, Moment},
    history::Subject,
};
use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use uuid::Uuid;

/// `frontrow audit verify`.
#[derive(Debug, Clone, Default, Args)]
pub struct Verify {
    /// Report what is wrong from this position on alone; what is before it is read, for it decides what may follow
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(u64).range(1..))]
    pub from: Option<u64>,
    /// Check the log up to this position, and not the read model
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(u64).range(1..))]
    pub to: Option<u64>,
    /// Compare the bus with the log, too: every record of it is read
    #[arg(long)]
    pub bus: bool,
    /// Keep in this file how far the check has come, and go on from there: after an interruption, or with what was added since
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,
}

/// `frontrow audit history`.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = true)]
pub struct History {
    /// Show of the seat
    #[arg(long, value_name = "ID", requires = "seat")]
    pub show: Option<Uuid>,
    /// A seat of the show
    #[arg(long, value_name = "GUID", requires = "show")]
    pub seat: Option<String>,
    /// A reservation
    #[arg(long, value_name = "ID", conflicts_with_all = ["show", "seat"])]
    pub reservation: Option<Uuid>,
    /// A customer
    #[arg(long, value_name = "ID", conflicts_with_all = ["show", "seat", "reservation"])]
    pub customer: Option<Uuid>,
    /// A payment
    #[arg(long, value_name = "ID", conflicts_with_all = ["show", "seat", "reservation", "customer"])]
    pub payment: Option<Uuid>,
    /// A saga: a payment, or a show that was called off
    #[arg(long, value_name = "ID", conflicts_with_all = ["show", "seat", "reservation", "customer", "payment"])]
    pub saga: Option<Uuid>,
    /// What one act of a client brought about
    #[arg(long, value_name = "ID", conflicts_with_all = ["show", "seat", "reservation", "customer", "payment", "saga"])]
    pub correlation: Option<String>,
}

impl History {
    /// What is asked about; clap sees to it that there is just one thing.
    pub fn subject(&self) -> Option<Subject> {
        let seat = self.show.zip(self.seat.clone());
        seat.map(|(show, guid)| Subject::Seat { show, guid })
            .or(self.reservation.map(Subject::Reservation))
            .or(self.customer.map(Subject::Customer))
            .or(self.payment.map(Subject::Payment))
            .or(self.saga.map(Subject::Saga))
            .or(self.correlation.clone().map(Subject::Correlation))
    }
}

/// A read model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReadModelName {
    /// All concerts and shows.
    Catalogue,
    /// A concert.
    Concert,
    /// A show, its places counted.
    Show,
    /// A show's seat map.
    SeatMap,
    /// A reservation.
    Reservation,
    /// A payment.
    Payment,
    /// A customer's points.
    Points,
    /// A payment's saga.
    Saga,
}

/// Everything but the catalogue is asked for by an id.
const WITH_ID: [(&str, &str); 7] = [
    ("model", "concert"),
    ("model", "show"),
    ("model", "seat-map"),
    ("model", "reservation"),
    ("model", "payment"),
    ("model", "points"),
    ("model", "saga"),
];

/// `frontrow audit as-of`.
#[derive(Debug, Clone, Args)]
pub struct AsOf {
    /// What is asked for
    #[arg(value_enum)]
    pub model: ReadModelName,
    /// Which one: a concert, show, reservation, payment; of points, the customer; of a saga, the payment
    #[arg(value_name = "ID", required_if_eq_any = WITH_ID)]
    pub id: Option<Uuid>,
    /// Right behind the event at this position [default: the log's end]
    #[arg(long, value_name = "POSITION", conflicts_with = "time")]
    pub position: Option<u64>,
    /// At this instant, for example 2026-05-01T10:02:00Z
    #[arg(long, value_name = "TIME")]
    pub time: Option<DateTime<Utc>>,
}

impl AsOf {
    /// What is asked for; none where the id is missing that it needs.
    pub fn model(&self) -> Option<Model> {
        if self.model == ReadModelName::Catalogue {
            return Some(Model::Catalogue);
        }
        let id = self.id?;
        Some(match self.model {
            ReadModelName::Catalogue => Model::Catalogue,
            ReadModelName::Concert => Model::Concert(id),
            ReadModelName::Show => Model::Show(id),
            ReadModelName::SeatMap => Model::SeatMap(id),
            ReadModelName::Reservation => Model::Reservation(id),
            ReadModelName::Payment => Model::Payment(id),
            ReadModelName::Points => Model::Points(id),
            ReadModelName::Saga => Model::Saga(id),
        })
    }

    /// When.
    pub fn moment(&self) -> Moment {
        match (self.position, self.time) {
            (Some(position), _) => Moment::Position(position),
            (None, Some(time)) => Moment::Time(time),
            (None, None) => Moment::NOW,
        }
    }
}
