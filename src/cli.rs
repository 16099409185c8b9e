//! The command line.

mod audit;
mod replay;

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use read_model::ProjectionId;
use uuid::Uuid;

pub use self::audit::{
    AsOf, Export, ExportFormat, History, Import, Prove, ReadModelName, Seal, Verify, VerifyDraw,
    VerifyProof,
};
pub use self::replay::Replay;
use crate::{
    bench::{Scenario, Streamed},
    config::{Durability, Overrides},
};

/// Sells scarce seats to enormous crowds.
#[derive(Debug, Parser)]
#[command(name = "frontrow", version, about)]
pub struct Cli {
    /// What to do; `serve` where nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Folder of the stores, the signing key and the lock [default: ./data]
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// File with settings that outrank the defaults (see config.default.toml)
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Form of what is printed on standard output
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// Form of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server
    Serve(Serve),
    /// Print a token
    Token(Token),
    /// Play an on-sale against a server of its own, then check it from the log
    Demo(Demo),
    /// Load a running server, and measure what it answers: exit status 1 where what must hold does not
    Bench(Bench),
    /// Check and explain the log
    #[command(subcommand)]
    Audit(Audit),
    /// Make a projection's rows anew from the log, compare them with the live ones, and make them live; or only look what would differ
    /// (--dry-run), or decide every command of the log again (--into). Exit status 0, or 1 where something differs that was not accepted
    Replay(Replay),
    /// See how the projections stand, and deal with what they have parked
    #[command(subcommand)]
    Projections(Projections),
    /// Print the description of the HTTP API (`OpenAPI` 3.1)
    Openapi,
    /// Print the description of the topics on Kafka (`AsyncAPI` 3.0)
    Asyncapi,
    /// Copy the embedded stores of a data folder into shared ones
    Migrate(Migrate),
    /// Do what a customer has a right to
    #[command(subcommand)]
    Customer(Customer),
    /// Make and show keys of tokens
    #[command(subcommand)]
    Keys(Keys),
    /// Ask a running server whether it is ready: exit status 0 or 1
    Healthcheck(Healthcheck),
}

/// `frontrow serve`.
#[derive(Debug, Default, Args)]
pub struct Serve {
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// "all", or a comma-separated choice of roles [default: all]
    #[arg(long, value_name = "ROLES")]
    pub roles: Option<String>,
    /// What a commit on Postgres must have reached: "single" for a server without a synchronous standby [default: replicated]
    #[arg(long, value_name = "DURABILITY", requires = "reason")]
    pub durability: Option<Durability>,
    /// Why a single disk is accepted: recorded in the log before anything else
    #[arg(long, value_name = "TEXT", requires = "durability")]
    pub reason: Option<String>,
    /// Abort at a named step, as a crash would: for rehearsals
    #[arg(long, value_name = "NAME", hide = true)]
    pub abort_at: Option<command_api::failpoints::Failpoint>,
}

/// `frontrow token`.
#[derive(Debug, Args)]
pub struct Token {
    /// customer, organizer, auditor or admin
    #[arg(long)]
    pub role: edge::auth::Role,
    /// Whom the token names: a UUID. A customer is a new one where none is given; other roles have one id per signing key
    #[arg(long, value_name = "ID")]
    pub subject: Option<Uuid>,
}

/// `frontrow demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// How many fans compete for the hall's 1,500 places
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub fans: u32,
}

/// `frontrow bench`. What is said twice counts as it is said last, so that scripts have defaults.
#[derive(Debug, Clone, Args)]
#[command(args_override_self = true)]
pub struct Bench {
    /// What the crowd does
    #[arg(value_enum)]
    pub scenario: Scenario,
    /// Where commands go
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// Where queries go; several share the crowd [default: where commands go]
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    pub query_url: Vec<String>,
    /// File of the key that signs the customers' tokens [default: the configured one, or the data folder's]
    #[arg(long, value_name = "FILE")]
    pub signing_key: Option<PathBuf>,
    /// Customers, or streams [default: the scenario's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub users: Option<u32>,
    /// Connections that they share [default: one each, 1,000 at most]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub connections: Option<u32>,
    /// Calls, journeys or arrivals offered each second [default: the scenario's]
    #[arg(long, value_name = "PER_SECOND", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate: Option<u32>,
    /// Length of a window
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub seconds: u32,
    /// Customers let into the waiting room each second
    #[arg(long, value_name = "PER_SECOND", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub admit: u32,
    /// What is streamed
    #[arg(long, value_enum, default_value_t = Streamed::Seats)]
    pub stream: Streamed,
    /// Raise the rate until the system, not the schedule, is the limit: mixed and journeys
    #[arg(long)]
    pub find_limit: bool,
    /// Seating plan [default: an arena of 15,000 seats]
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Process of the server, on this machine, whose memory and processor time are told
    #[arg(long, value_name = "PID")]
    pub server_pid: Option<u32>,
    /// Load another machine: it must be yours
    #[arg(long)]
    pub allow_remote: bool,
}

/// `frontrow audit`.
#[derive(Debug, Clone, Subcommand)]
pub enum Audit {
    /// Check the log and the read model: exit status 0 clean, 1 findings, 2 could not run
    Verify(Verify),
    /// Tell every decision about a seat, a reservation, a customer, a payment, a saga or a correlation id, in order
    History(History),
    /// Show a read model as it was at a position or a time
    AsOf(AsOf),
    /// Check the published proof of a drop, without a server: exit status 0 verified, 1 findings, 2 could not be read
    VerifyDraw(VerifyDraw),
    /// Sign a head of the log as it is now; or check the log against its seals
    Seal(Seal),
    /// Prove that an event is in the log
    Prove(Prove),
    /// Write events into a file, beside a manifest that says what the file must be
    Export(Export),
    /// Take over an exported log into an empty data folder: no server may be using it
    Import(Import),
    /// Check a proof, without the log: exit status 0 it holds, 1 it does not, 2 could not run
    VerifyProof(VerifyProof),
}

/// `frontrow migrate`.
#[derive(Debug, Args)]
pub struct Migrate {
    /// Data folder to copy: no server may be using it
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// File with the settings of the new installation; its log, credentials and key store must be empty
    #[arg(long, value_name = "CONFIG")]
    pub to: PathBuf,
}

/// `frontrow projections`.
#[derive(Debug, Clone, Subcommand)]
pub enum Projections {
    /// Print versions, positions and lag
    List,
    /// Print the parked events, in order
    Parked {
        /// Of this projection alone
        #[arg(long, value_name = "NAME", value_parser = projection)]
        projection: Option<ProjectionId>,
    },
    /// Project the parked events of a key: exit status 0, or 1 where one of them still does not go
    Retry(ParkedKey),
    /// Leave the first parked event of a key out, and project those behind it
    Skip(ParkedKey),
    /// Make the version live again that was so before
    RollBack {
        /// Of which projection
        #[arg(long, value_name = "NAME", value_parser = projection)]
        projection: ProjectionId,
        /// Why: recorded in the log
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// A parked key, and why something is done about it.
#[derive(Debug, Clone, Args)]
pub struct ParkedKey {
    /// Of which projection
    #[arg(long, value_name = "NAME", value_parser = projection)]
    pub projection: ProjectionId,
    /// The routing key, as `parked` prints it
    #[arg(long, value_name = "KEY")]
    pub key: String,
    /// Why: recorded in the log
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

fn projection(name: &str) -> Result<ProjectionId, String> {
    ProjectionId::from_name(name).ok_or_else(|| {
        let names = ProjectionId::ALL.map(ProjectionId::name).join(", ");
        format!("there are {names}")
    })
}

/// `frontrow customer`.
#[derive(Debug, Clone, Subcommand)]
pub enum Customer {
    /// Erase a customer: key, password and sessions are destroyed, and what the log has of the customer can't be read any more
    Erase {
        /// Which customer
        customer: Uuid,
        /// Why: recorded in the log. Name nobody
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// `frontrow keys`.
#[derive(Debug, Clone, Subcommand)]
pub enum Keys {
    /// Make a key that signs tokens, for `auth.signing_key`; print its public half, for `auth.trusted_keys`
    New {
        /// Where to keep it; what is there is not replaced
        file: PathBuf,
        /// Where to write the public half, too
        #[arg(long, value_name = "FILE")]
        public: Option<PathBuf>,
        /// Take a key that is there as it is
        #[arg(long)]
        keep: bool,
    },
    /// Print the public half of the configured key
    Public,
}

/// `frontrow healthcheck`.
#[derive(Debug, Args)]
pub struct Healthcheck {
    /// Where the server answers [default: the configured address]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

impl Cli {
    /// What the command line sets.
    pub fn overrides(&self) -> Overrides {
        let common = Overrides {
            config: self.config.clone(),
            data: self.data.clone(),
            ..Overrides::default()
        };
        match &self.command {
            Some(Command::Serve(serve)) => Overrides {
                listen: serve.listen,
                roles: serve.roles.clone(),
                durability: serve.durability,
                reason: serve.reason.clone(),
                ..common
            },
            Some(
                Command::Token(_)
                | Command::Demo(_)
                | Command::Bench(_)
                | Command::Audit(_)
                | Command::Replay(_)
                | Command::Projections(_)
                | Command::Openapi
                | Command::Asyncapi
                | Command::Customer(_)
                | Command::Keys(_)
                | Command::Migrate(_)
                | Command::Healthcheck(_),
            )
            | None => common,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_stand_anywhere() {
        let cli = Cli::try_parse_from([
            "frontrow", "audit", "verify", "--data", "x", "--output", "json",
        ]);
        let cli = cli.unwrap();
        assert_eq!(cli.data, Some("x".into()));
        assert_eq!(cli.output, Output::Json);
        let cli = Cli::try_parse_from(["frontrow"]).unwrap();
        assert!(cli.command.is_none());
    }
}
