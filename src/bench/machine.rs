//! What figures depend on: the machine, and what processes took of it.

use std::{fs, thread::available_parallelism, time::Duration};

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;

/// Linux tells processor time in these, whatever the kernel's own clock (`USER_HZ`).
const TICKS_PER_SECOND: u64 = 100;

/// Where it was measured, and by which build.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// Processors that the generator may use.
    pub cores: usize,
    /// Their model.
    pub cpu: String,
    /// Memory, MiB.
    pub memory_mib: u64,
    /// Kernel.
    pub kernel: String,
    /// Version of the program.
    pub version: &'static str,
    /// `release` or `debug`.
    pub build: &'static str,
}

impl Machine {
    /// This one. What can't be read is told as `unknown`.
    pub fn here() -> Self {
        let unknown = || "unknown".to_owned();
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self {
            cores: available_parallelism().map_or(0, Into::into),
            cpu: value(&read("/proc/cpuinfo"), "model name").map_or_else(unknown, str::to_owned),
            memory_mib: kib(&read("/proc/meminfo"), "MemTotal").unwrap_or_default() / 1_024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            version: env!("CARGO_PKG_VERSION"),
            build: if cfg!(debug_assertions) {
                "debug"
            } else {
                "release"
            },
        }
    }
}

/// Processor time that a process has taken so far.
///
/// # Errors
/// When there is no such process.
pub(super) fn processor_time(pid: u32) -> anyhow::Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).with_context(|| format!("{path} can't be read"))?;
    // The name before it, in parentheses, may hold anything.
    let fields = text.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
}

/// Memory of a process that is in RAM, KiB.
///
/// # Errors
/// When there is no such process.
pub(super) fn resident_kib(pid: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("{path} can't be read"))?;
    kib(&text, "VmRSS").with_context(|| format!("{path} tells no VmRSS"))
}

/// Lets this process open as many files as it may: a connection is one.
///
/// # Errors
/// When that is fewer than `wanted`.
pub(super) fn allow_files(wanted: u64) -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).context("the limit of open files can't be raised")?;
    let most = limit.maximum.unwrap_or(u64::MAX);
    anyhow::ensure!(
        most >= wanted,
        "{wanted} connections need as many open files, and this process may have {most}: ulimit -n"
    );
    Ok(())
}

fn kib(text: &str, name: &str) -> Option<u64> {
    value(text, name)?.strip_suffix(" kB")?.trim().parse().ok()
}

fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(field, _)| field.trim() == name)?;
    Some(value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_memory_and_the_machine_has_more() {
        let resident = resident_kib(std::process::id()).unwrap();
        assert!(resident > 0 && resident / 1_024 < Machine::here().memory_mib);
        assert!(processor_time(std::process::id()).is_ok());
        assert!(processor_time(0).is_err());
    }

    #[test]
    fn fields_are_told_apart() {
        let text = "model : 1\nmodel name\t: Fast\nVmRSS:\t  12 kB\n";
        assert_eq!(value(text, "model name"), Some("Fast"));
        assert_eq!(kib(text, "VmRSS"), Some(12));
        assert_eq!(kib(text, "VmHWM"), None);
    }
}
