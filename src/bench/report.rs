//! What came of a scenario, as a table or as JSON.

use std::fmt;

use serde_json::{Value, json};

use super::{
    crowd::Measured,
    limit::{Step, slowest},
    machine::Machine,
};
use crate::driver::{calls_json, calls_table, failed, latencies_json, list, refused};

/// What came of a scenario.
#[derive(Debug)]
pub struct Report {
    /// Its name.
    pub scenario: &'static str,
    /// Customers, or streams.
    pub users: usize,
    /// Connections that they shared.
    pub connections: usize,
    /// Where.
    pub machine: Machine,
    /// The window that the figures are of.
    pub measured: Measured,
    /// All windows of a search for the limit.
    pub steps: Vec<Step>,
    /// Figures of the scenario's own: what, and how much in which unit.
    pub figures: Vec<Figure>,
    /// What must hold.
    pub checks: Vec<Finding>,
    /// What is wanted of a system of the intended size; missing it is no failure.
    pub goals: Vec<Finding>,
}

/// A figure of a scenario's own.
#[derive(Debug, Clone)]
pub struct Figure {
    /// What it tells.
    pub what: &'static str,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
}

/// Something that was looked at.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What was expected.
    pub what: String,
    /// What was found.
    pub found: String,
    /// Whether it is as expected.
    pub ok: bool,
}

impl Finding {
    /// Two things that are to be the same.
    pub(super) fn same<T: PartialEq + fmt::Display>(
        what: impl Into<String>,
        wanted: &T,
        found: &T,
    ) -> Self {
        Self {
            what: format!("{}: {wanted}", what.into()),
            found: found.to_string(),
            ok: wanted == found,
        }
    }

    /// A share that is to be `least` at least.
    pub(super) fn share(what: impl Into<String>, least: f64, of: u64, all: u64) -> Self {
        let found = super::crowd::number(of) / super::crowd::number(all.max(1));
        Self {
            what: format!("{}: at least {:.0} %", what.into(), least * 100.0),
            found: format!("{:.1} %, {of} of {all}", found * 100.0),
            ok: found >= least,
        }
    }
}

impl Report {
    /// Whether everything that must hold does.
    pub fn is_sound(&self) -> bool {
        self.checks.iter().all(|check| check.ok)
    }

    /// The report as one document.
    pub fn to_json(&self) -> Value {
        let findings = |findings: &[Finding]| -> Vec<Value> {
            let one = |one: &Finding| json!({"what": one.what, "found": one.found, "ok": one.ok});
            findings.iter().map(one).collect()
        };
        let figures = self.figures.iter();
        let figures = figures
            .map(|figure| json!({"what": figure.what, "value": figure.value, "unit": figure.unit}));
        let steps = self.steps.iter().map(|step| {
            json!({
                "offered": step.measured.offered,
                "served": step.measured.served,
                "slowest_p95_ms": slowest(&step.measured).as_secs_f64() * 1_000.0,
                "held": step.held,
            })
        });
        json!({
            "scenario": self.scenario,
            "users": self.users,
            "connections": self.connections,
            "machine": self.machine,
            "offered_per_second": self.measured.offered,
            "served_per_second": self.measured.served,
            "window_seconds": self.measured.window.as_secs_f64(),
            "elapsed_seconds": self.measured.elapsed.as_secs_f64(),
            "unsent": self.measured.unsent,
            "refused": refused(&self.measured.calls),
            "failed": failed(&self.measured.calls),
            "unknown": self.unknown(),
            "error_share": self.measured.error_share(),
            "latency_ms": latencies_json(&self.measured.latencies()),
            "calls": calls_json(&self.measured.calls),
            "generator": {
                "processor_seconds": self.measured.generator.as_secs_f64(),
                "late_ms": latencies_json(&self.measured.late),
            },
            "figures": figures.collect::<Vec<_>>(),
            "steps": steps.collect::<Vec<_>>(),
            "checks": findings(&self.checks),
            "goals": findings(&self.goals),
        })
    }

    fn unknown(&self) -> u64 {
        self.measured.calls.values().map(|call| call.unknown).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (machine, measured) = (&self.machine, &self.measured);
        writeln!(
            f,
            "{}: {} users on {} connections; offered {:.0}/s for {:.1} s, served {:.0}/s",
            self.scenario,
            self.users,
            self.connections,
            measured.offered,
            measured.window.as_secs_f64(),
            measured.served
        )?;
        writeln!(
            f,
            "frontrow {} ({}); {} x {}, {} MiB, Linux {}",
            machine.version,
            machine.build,
            machine.cores,
            machine.cpu,
            machine.memory_mib,
            machine.kernel
        )?;
        for step in &self.steps {
            let verdict = if step.held { "kept up" } else { "fell behind" };
            writeln!(
                f,
                "  offered {:>8.0}/s  served {:>8.0}/s  slowest p95 {:>8.1} ms  {verdict}",
                step.measured.offered,
                step.measured.served,
                slowest(&step.measured).as_secs_f64() * 1_000.0
            )?;
        }
        writeln!(f, "{}", calls_table(&measured.calls))?;
        writeln!(f, "refused: {}", list(&refused(&measured.calls)))?;
        writeln!(
            f,
            "failed:  {}, {} unknown, {} never sent",
            list(&failed(&measured.calls)),
            self.unknown(),
            measured.unsent
        )?;
        writeln!(
            f,
            "generator: {:.2} processors, p99 {:.1} ms late on free connections",
            measured.generator.as_secs_f64() / measured.elapsed.as_secs_f64().max(0.001),
            measured.late.percentile(990).as_secs_f64() * 1_000.0
        )?;
        for figure in &self.figures {
            writeln!(f, "{}: {:.1} {}", figure.what, figure.value, figure.unit)?;
        }
        for (findings, good, bad) in [
            (&self.checks, "ok", "FAILED"),
            (&self.goals, "reached", "missed"),
        ] {
            for finding in findings {
                let verdict = if finding.ok { good } else { bad };
                writeln!(f, "{}: {}  {verdict}", finding.what, finding.found)?;
            }
        }
        Ok(())
    }
}
