//! The log against its seals: what `audit seal --check` finds, as findings of this check.

use std::sync::Arc;

use event_store::{EventLog, seals::Seals};

use super::{
    Error, Phase, Progress,
    report::{At, Check, Findings},
};
use crate::seals::{check, copies::Copy, note::VerificationKey};

/// What the log is compared with: its tree, the signed heads, and copies of them.
#[derive(Debug, Clone)]
pub struct SealCheck {
    /// The tree and its heads.
    pub seals: Arc<dyn Seals>,
    /// The keys that heads may be signed with.
    pub keys: Vec<VerificationKey>,
    /// Heads that were kept elsewhere.
    pub copies: Vec<Copy>,
}

/// Hashes every sealed event once more.
pub(super) async fn check(
    log: &dyn EventLog,
    sealed: &SealCheck,
    findings: &mut Findings,
    progress: &(impl Fn(Progress) + Send + Sync),
) -> Result<(), Error> {
    let SealCheck {
        seals,
        keys,
        copies,
    } = sealed;
    let report = check::check(log, &**seals, keys, copies, |done, total| {
        progress(Progress {
            phase: Phase::Seals,
            done,
            total,
        });
    });
    let report = report.await?;
    findings.checked(Check::Seals, report.sealed);
    let untold = report.found - report.findings.len() as u64;
    for found in report.findings {
        let (from, to) = (found.from, found.to);
        let (at, detail) = match from {
            0 => (At::Log, found.detail),
            _ if from == to => (At::Position(from), found.detail),
            // Known to lie among these, and not where: told from wherever one is interested.
            _ => {
                let detail = format!("positions {from} to {to}: {}", found.detail);
                (At::Position(to), detail)
            }
        };
        findings.add(Check::Seals, at, detail);
    }
    findings.count(Check::Seals, untold);
    Ok(())
}
