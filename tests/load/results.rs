//! What came of all scenarios: a document, a table to paste, and a chart.

use std::{fmt::Write, fs, path::Path};

use serde_json::{Value, json};

use crate::{
    Mode,
    chart::{self, Bar},
    run::Played,
};

/// Everything, in the order in which it was played.
#[derive(Default)]
pub(crate) struct Results {
    rows: Vec<Row>,
    servers: Vec<(Mode, Vec<String>)>,
    audits: Vec<(Mode, bool)>,
}

struct Row {
    mode: Mode,
    name: String,
    report: Result<Value, String>,
}

impl Results {
    /// Notes what a mode ran on.
    pub(crate) fn servers(&mut self, mode: Mode, servers: Vec<String>) {
        self.servers.push((mode, servers));
    }

    /// Notes what came of a scenario, and keeps it in a file of its own, so that a run that is broken off leaves what it had.
    pub(crate) fn add(&mut self, mode: Mode, played: Vec<Played>, out: &Path) {
        for Played { name, report } in played {
            match &report {
                Ok(report) => {
                    let file = format!("{}-{name}.json", mode.name());
                    let text = serde_json::to_string_pretty(report).unwrap();
                    fs::write(out.join(file), text).unwrap();
                }
                Err(reason) => println!("{reason}"),
            }
            let row = Row { mode, name, report };
            println!("{}", row.line());
            self.rows.push(row);
        }
    }

    /// Notes what the audit found.
    pub(crate) fn checked(&mut self, mode: Mode, is_clean: bool) {
        self.audits.push((mode, is_clean));
    }

    /// Whether everything was played, what must hold holds, and the audits are clean.
    pub(crate) fn are_sound(&self) -> bool {
        let audits = self.audits.iter().all(|(_, is_clean)| *is_clean);
        audits && self.rows.iter().all(|row| row.failures().is_empty())
    }

    /// Writes the three files; the table.
    pub(crate) fn write(&self, out: &Path) -> String {
        let rows = self.rows.iter().map(|row| {
            let report = row.report.clone().unwrap_or_else(Value::String);
            json!({"mode": row.mode.name(), "name": row.name, "report": report})
        });
        let audits = self.audits.iter();
        let audits = audits.map(|(mode, clean)| json!({"mode": mode.name(), "clean": clean}));
        let all = json!({
            "runs": rows.collect::<Vec<_>>(),
            "audits": audits.collect::<Vec<_>>(),
        });
        let text = serde_json::to_string_pretty(&all).unwrap();
        let markdown = self.markdown();
        for (file, text) in [
            ("results.json", &text),
            ("results.md", &markdown),
            ("results.svg", &self.chart()),
        ] {
            fs::write(out.join(file), text).unwrap();
        }
        markdown
    }

    fn markdown(&self) -> String {
        let mut text = String::new();
        let reports = self.rows.iter().filter_map(|row| row.report.as_ref().ok());
        if let Some(machine) = reports
            .map(|report| &report["machine"])
            .find(|m| m.is_object())
        {
            let field = |name: &str| words(&machine[name]);
            writeln!(
                text,
                "Machine: {} x {}, {} MiB, Linux {}; frontrow {} ({}). The load runs on the same machine.\n",
                machine["cores"], field("cpu"), machine["memory_mib"], field("kernel"), field("version"), field("build")
            )
            .unwrap();
        }
        for (mode, servers) in &self.servers {
            writeln!(text, "- {}: {}", mode.name(), servers.join("; ")).unwrap();
        }
        text.push_str(
            "\n| mode | scenario | users | offered/s | served/s | p50 ms | p95 ms | p99 ms | max ms | errors | what must hold |\n\
             |---|---|--:|--:|--:|--:|--:|--:|--:|--:|---|\n",
        );
        for row in &self.rows {
            writeln!(text, "{}", row.line()).unwrap();
        }
        text.push('\n');
        for row in &self.rows {
            for figure in row.list("figures") {
                let (what, unit) = (words(&figure["what"]), words(&figure["unit"]));
                let value = number(&figure["value"]);
                let (mode, name) = (row.mode.name(), &row.name);
                writeln!(text, "- {mode}, {name}: {what} {value:.1} {unit}").unwrap();
            }
        }
        for (mode, is_clean) in &self.audits {
            let verdict = if *is_clean { "clean" } else { "FINDINGS" };
            writeln!(text, "- {}: audit verify {verdict}", mode.name()).unwrap();
        }
        text
    }

    fn chart(&self) -> String {
        let bars = |field: fn(&Value) -> &Value| -> Vec<Bar> {
            let rows = self.rows.iter();
            let bars = rows.filter_map(|row| {
                Some(Bar {
                    label: format!("{}, {}", row.mode.name(), row.name),
                    value: number(field(row.report.as_ref().ok()?)),
                })
            });
            bars.collect()
        };
        chart::draw(&[
            (
                "served per second",
                bars(|report| &report["served_per_second"]),
            ),
            ("p95, ms", bars(|report| &report["latency_ms"]["p95"])),
        ])
    }
}

impl Row {
    fn list(&self, name: &str) -> &[Value] {
        let report = self.report.as_ref().ok();
        let list = report.and_then(|report| report[name].as_array());
        list.map_or(&[], Vec::as_slice)
    }

    /// What must hold and does not.
    fn failures(&self) -> Vec<String> {
        if let Err(reason) = &self.report {
            return vec![reason.clone()];
        }
        let checks = self.list("checks").iter();
        let failed = checks.filter(|check| check["ok"] != true);
        let failed = failed.map(|check| {
            format!(
                "FAILED: {}, {}",
                words(&check["what"]),
                words(&check["found"])
            )
        });
        failed.collect()
    }

    fn line(&self) -> String {
        let (mode, name) = (self.mode.name(), &self.name);
        let Ok(report) = &self.report else {
            return format!("| {mode} | {name} | | | | | | | | | not played |");
        };
        let of = |field: &str| number(&report[field]);
        let ms = |field: &str| number(&report["latency_ms"][field]);
        let failures = self.failures();
        let verdict = match failures.as_slice() {
            [] => "holds".to_owned(),
            failures => failures.join("; "),
        };
        format!(
            "| {mode} | {name} | {:.0} | {:.0} | {:.0} | {:.1} | {:.1} | {:.1} | {:.1} | {:.3} % | {verdict} |",
            of("users"),
            of("offered_per_second"),
            of("served_per_second"),
            ms("p50"),
            ms("p95"),
            ms("p99"),
            ms("max"),
            of("error_share") * 100.0,
        )
    }
}

fn words(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}
