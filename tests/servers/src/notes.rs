//! What the tests tell their runner: which servers they used, and which tests were skipped.

use std::io::Write;

/// The file to which each skipped test adds a line.
pub(crate) const SKIPPED: &str = "FRONTROW_TEST_SKIPPED";
/// The file to which each server adds a line when it was started.
pub(crate) const USED: &str = "FRONTROW_TEST_USED";

/// The file to which each round of a fault adds a line.
pub(crate) const FAULTS: &str = "FRONTROW_TEST_FAULTS";

/// Notes what came of one round of a fault: what was killed, the commands acknowledged before and after, not served meanwhile, unknown,
/// lost, and the time from the fault to the first command acknowledged again.
pub fn fault(row: &[String; 7]) {
    note(FAULTS, &(row.join("\t") + "\n"));
    let line = format!("fault: {}\n", row.join(", "));
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// The file to which each drop with a crowd adds a line.
pub(crate) const DROPS: &str = "FRONTROW_TEST_DROPS";

/// Notes what came of a drop with a crowd: the mode, entries, wins, how many were expected, the stock left, entries answered once, kills,
/// repeated calls, and how long entering, drawing and telling took.
pub fn crowd(row: &[String; 11]) {
    note(DROPS, &(row.join("\t") + "\n"));
    let line = format!("drop: {}\n", row.join(", "));
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Notes that a test was skipped, for want of what.
pub fn skip(test: &str, want: &str) {
    let line = format!("{test}: {want}\n");
    // Straight to standard error: what a test prints is shown only when it fails.
    let _ = std::io::stderr().write_all(format!("skipped: {line}").as_bytes());
    note(SKIPPED, &line);
}

/// Notes a real server by what it says of itself.
pub(crate) fn used(server: &str) {
    note(USED, &format!("{server}\n"));
}

/// Adds a line, in one write, so that lines of several processes don't mix.
fn note(variable: &str, line: &str) {
    let Some(path) = std::env::var_os(variable) else {
        return;
    };
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path);
    if let Ok(mut file) = file {
        let _ = file.write_all(line.as_bytes());
    }
}
