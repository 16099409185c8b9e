//! `frontrow replay`: what it is told.

use std::{num::NonZeroU32, path::PathBuf};

use clap::Args;
use read_model::ProjectionId;
use uuid::Uuid;

use super::projection;

/// `frontrow replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// Which one, as `projections list` names it; with --dry-run all where none is named
    #[arg(
        long,
        value_name = "NAME",
        value_parser = projection,
        required_unless_present_any = ["dry_run", "into"],
        conflicts_with = "into"
    )]
    pub projection: Option<ProjectionId>,
    /// Take the new rows although the same fold made others before
    #[arg(long, requires = "reason", conflicts_with_all = ["dry_run", "into"])]
    pub accept: bool,
    /// Begin again where an earlier replay was interrupted
    #[arg(long, conflicts_with_all = ["dry_run", "into"])]
    pub anew: bool,
    /// Why: recorded in the log with the new version
    #[arg(long, value_name = "TEXT", default_value = "replayed", conflicts_with_all = ["dry_run", "into"])]
    pub reason: String,
    /// Change nothing: replay history into rows of their own, and tell what differs from the live ones by table, key and column
    #[arg(long, conflicts_with = "into")]
    pub dry_run: bool,
    /// With --dry-run: look at this routing key alone (a show, a customer, a concert, a drop); may be said several times
    #[arg(long, value_name = "KEY", requires = "dry_run")]
    pub key: Vec<String>,
    /// With --dry-run: look alone at keys that had something happen to them from this position on
    #[arg(long, value_name = "POSITION", requires = "dry_run", value_parser = clap::value_parser!(u64).range(1..))]
    pub from: Option<u64>,
    /// With --dry-run: look alone at keys that had something happen to them up to this position; with --into: end there
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(u64).range(1..))]
    pub to: Option<u64>,
    /// With --dry-run: keep the rows in this folder, and go on from there after an interruption [default: a temporary one]
    #[arg(long, value_name = "DIR", requires = "dry_run")]
    pub scratch: Option<PathBuf>,
    /// Read at most so many events a second
    #[arg(long, value_name = "EVENTS_PER_SECOND")]
    pub throttle: Option<NonZeroU32>,
    /// Decide every command of the log again, on a fresh instance in this folder, and tell which come out otherwise
    #[arg(long, value_name = "DIR")]
    pub into: Option<PathBuf>,
    /// With --into: what one show's events are of alone
    #[arg(long, value_name = "ID", requires = "into")]
    pub show: Option<Uuid>,
}

impl Replay {
    /// What does not fit together, and can't be told by the command line's own rules.
    pub fn contradiction(&self) -> Option<&'static str> {
        if self.to.is_some() && !self.dry_run && self.into.is_none() {
            return Some(
                "--to needs --dry-run or --into: live rows are made of the whole log, or they would forget what came later",
            );
        }
        // Where --into is said, too, the command line's own rules let these pass.
        let looks = !self.key.is_empty() || self.from.is_some() || self.scratch.is_some();
        if looks && !self.dry_run {
            return Some("--key, --from and --scratch need --dry-run");
        }
        if self.show.is_some() && self.into.is_none() {
            return Some("--show needs --into");
        }
        let reversed = self.from.zip(self.to).is_some_and(|(from, to)| from > to);
        reversed.then_some("--from is behind --to: there is nothing in between")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::cli::{Cli, Command};

    fn parsed(arguments: &[&str]) -> Result<super::Replay, String> {
        let all = ["frontrow", "replay"].iter().chain(arguments);
        let cli = Cli::try_parse_from(all).map_err(|error| error.to_string())?;
        let Some(Command::Replay(replay)) = cli.command else {
            return Err("another command".to_owned());
        };
        match replay.contradiction() {
            Some(text) => Err(text.to_owned()),
            None => Ok(replay),
        }
    }

    #[test]
    fn what_fits_together_is_taken() {
        for arguments in [
            &[
                "--projection",
                "payments",
                "--accept",
                "--reason",
                "checked",
            ][..],
            &["--projection", "payments", "--throttle", "1000"],
            &["--dry-run"],
            &[
                "--dry-run",
                "--projection",
                "sagas",
                "--key",
                "a",
                "--key",
                "b",
            ],
            &["--dry-run", "--from", "3", "--to", "9", "--scratch", "x"],
            &["--into", "x", "--to", "9"],
            &[
                "--into",
                "x",
                "--show",
                "01990000-0000-7000-8000-00000000a11a",
            ],
        ] {
            assert!(
                parsed(arguments).is_ok(),
                "{arguments:?}: {:?}",
                parsed(arguments)
            );
        }
    }

    #[test]
    fn what_does_not_is_refused_with_its_names() {
        for (arguments, named) in [
            (&[][..], "--projection"),
            (&["--projection", "nothing"], "seat_maps"),
            (&["--projection", "payments", "--key", "a"], "--dry-run"),
            (&["--projection", "payments", "--from", "3"], "--dry-run"),
            (
                &["--projection", "payments", "--to", "3"],
                "--to needs --dry-run or --into",
            ),
            (&["--projection", "payments", "--scratch", "x"], "--dry-run"),
            (&["--dry-run", "--accept", "--reason", "y"], "--accept"),
            (&["--dry-run", "--anew"], "--anew"),
            (&["--dry-run", "--into", "x"], "--into"),
            (
                &["--dry-run", "--from", "9", "--to", "3"],
                "--from is behind --to",
            ),
            (&["--into", "x", "--projection", "payments"], "--projection"),
            (&["--into", "x", "--key", "a"], "--dry-run"),
            (
                &[
                    "--projection",
                    "payments",
                    "--show",
                    "01990000-0000-7000-8000-00000000a11a",
                ],
                "--into",
            ),
            (&["--dry-run", "--throttle", "0"], "--throttle"),
        ] {
            let refused = parsed(arguments).expect_err("refused");
            assert!(refused.contains(named), "{arguments:?}: {refused}");
        }
    }
}
