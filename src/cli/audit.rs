//! `frontrow audit`: what it is told.

use std::path::PathBuf;

use audit::{
    as_of::{Model, Moment},
    history::Subject,
};
use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use read_model::Table;
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
    /// Compare the log with its seals, too, as `audit seal --check` does: every event is read and hashed once more
    #[arg(long, conflicts_with = "to")]
    pub seals: bool,
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
    /// A drop
    #[arg(long, value_name = "ID", conflicts_with_all = ["show", "seat", "reservation", "customer", "payment", "saga"])]
    pub drop: Option<Uuid>,
    /// What one act of a client brought about
    #[arg(long, value_name = "ID", conflicts_with_all = ["show", "seat", "reservation", "customer", "payment", "saga", "drop"])]
    pub correlation: Option<String>,
    /// With --correlation: look through the log from this position on [default: its beginning]
    #[arg(long, value_name = "POSITION", requires = "correlation", value_parser = clap::value_parser!(u64).range(1..))]
    pub from: Option<u64>,
    /// With --correlation: look through the log up to this position [default: its end]
    #[arg(long, value_name = "POSITION", requires = "correlation", value_parser = clap::value_parser!(u64).range(1..))]
    pub to: Option<u64>,
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
            .or(self.drop.map(Subject::Drop))
            .or(self.correlation.clone().map(|id| Subject::Correlation {
                id,
                to: self.to.unwrap_or(u64::MAX),
            }))
    }

    /// The position behind which it is looked for.
    pub fn after(&self) -> u64 {
        self.from.unwrap_or(1) - 1
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
    /// A drop.
    Drop,
}

/// Everything but the catalogue is asked for by an id.
const WITH_ID: [(&str, &str); 8] = [
    ("model", "concert"),
    ("model", "show"),
    ("model", "seat-map"),
    ("model", "reservation"),
    ("model", "payment"),
    ("model", "points"),
    ("model", "saga"),
    ("model", "drop"),
];

/// `frontrow audit as-of`.
#[derive(Debug, Clone, Args)]
pub struct AsOf {
    /// What is asked for
    #[arg(value_enum)]
    pub model: ReadModelName,
    /// Which one: a concert, show, reservation, payment, drop; of points, the customer; of a saga, the payment
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
            ReadModelName::Drop => Model::Drop(id),
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

/// `frontrow audit verify-draw`.
#[derive(Debug, Clone, Args)]
pub struct VerifyDraw {
    /// The proof, as `GET /v1/drops/{id}/proof` answers it; "-" for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// An entry that must be in the list, and of which all is shown
    #[arg(long, value_name = "ID")]
    pub entry: Option<Uuid>,
    /// The commitment as it was published when the drop was opened
    #[arg(long, value_name = "HEX")]
    pub commitment: Option<String>,
    /// The root as it was published when the drop closed
    #[arg(long, value_name = "HEX")]
    pub root: Option<String>,
    /// The drop as it was announced: what `GET /v1/drops/{id}` answered while it was open
    #[arg(long, value_name = "FILE")]
    pub announced: Option<PathBuf>,
}

/// `frontrow audit seal`.
#[derive(Debug, Clone, Args)]
pub struct Seal {
    /// Sign nothing: hash every event again and compare with tree, heads and their copies. Exit status 0 clean, 1 findings
    #[arg(long)]
    pub check: bool,
    /// A file of copied heads to compare with, besides the configured one
    #[arg(long, value_name = "FILE", requires = "check")]
    pub heads: Vec<PathBuf>,
    /// A verification key that heads may be signed with, besides the configured one
    #[arg(long, value_name = "KEY", requires = "check")]
    pub key: Vec<String>,
}

/// `frontrow audit prove`.
#[derive(Debug, Clone, Args)]
pub struct Prove {
    /// Which event, by its position
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub position: u64,
    /// Where to write the proof [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// `frontrow audit export`.
#[derive(Debug, Clone, Args)]
pub struct Export {
    /// Where to write the events; the manifest goes beside it, as FILE.manifest.json. What is there is not replaced
    pub file: PathBuf,
    /// The first position
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub from: u64,
    /// The last position [default: where the log ends]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub to: Option<u64>,
    /// The events of one stream instead, such as show/0199...
    #[arg(long, value_name = "TYPE/ID", conflicts_with_all = ["from", "to"])]
    pub stream: Option<String>,
    /// The rows of one table of the read model instead, such as reservations, made of the log
    #[arg(long, value_name = "NAME", value_parser = table, conflicts_with_all = ["from", "to", "stream"])]
    pub table: Option<Table>,
    /// With --table: the rows as they were right behind the event at this position [default: where the log ends]
    #[arg(long, value_name = "POSITION", requires = "table")]
    pub position: Option<u64>,
    /// How events, or rows, are written; only events as NDJSON can be imported
    #[arg(long, value_enum, default_value_t = ExportFormat::Ndjson)]
    pub format: ExportFormat,
}

fn table(name: &str) -> Result<Table, String> {
    let found = Table::ALL.into_iter().find(|table| table.name() == name);
    found.ok_or_else(|| {
        let names = Table::ALL.map(Table::name).join(", ");
        format!("there are {names}")
    })
}

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// One JSON object a line.
    Ndjson,
    /// RFC 4180, with a header.
    Csv,
}

/// `frontrow audit import`.
#[derive(Debug, Clone, Args)]
pub struct Import {
    /// What `frontrow audit export` wrote; its manifest stands beside it
    pub file: PathBuf,
}

/// `frontrow audit verify-proof`.
#[derive(Debug, Clone, Args)]
pub struct VerifyProof {
    /// The proof: an answer of `GET /v1/audit/proof`, a receipt, or a file of `frontrow audit prove`
    pub file: PathBuf,
    /// The key that the head must be signed with [default: the one that the proof names, which proves less]
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
}
