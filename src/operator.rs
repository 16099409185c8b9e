//! Who operates the system from the command line.

use std::{env, fs};

/// `user@host`, as far as the process can know them: what stands in the log as the actor of an operator's act.
pub fn name() -> String {
    let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let user = variable("USER").or_else(|| variable("LOGNAME"));
    let host = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = host
        .map(|text| text.trim().to_owned())
        .or_else(|| variable("HOSTNAME"));
    let unknown = || "unknown".to_owned();
    let name = format!(
        "{}@{}",
        user.unwrap_or_else(unknown),
        host.unwrap_or_else(unknown)
    );
    // Bounded, as the log wants it; a name that long is nobody's.
    name.chars().take(50).collect()
}
