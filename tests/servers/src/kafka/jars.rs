//! Apache Kafka's own programs, from Maven Central, fetched once.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use uuid::Uuid;

use crate::wait::until;

const POM: &str = include_str!("../../kafka/pom.xml");
/// Some 90 files of 54 MB.
const PATIENCE: Duration = Duration::from_mins(10);

/// The folder with the jars, fetched if it isn't there. Kept under cargo's target folder, by what was asked for.
///
/// # Errors
/// Why it can't be had: no Maven, no Maven Central.
pub(super) async fn folder() -> Result<PathBuf, String> {
    let mut asked = DefaultHasher::new();
    POM.hash(&mut asked);
    let folder = target().join(format!("kafka-{:016x}", asked.finish()));
    if !folder.is_dir() {
        fetch(&folder).await?;
    }
    Ok(folder)
}

/// Cargo's target folder.
fn target() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from)
}

async fn fetch(folder: &Path) -> Result<(), String> {
    // Aside, then renamed: several processes may be at it, and a folder that is there is whole.
    let aside = folder.with_extension(Uuid::now_v7().simple().to_string());
    let fetched = fetch_into(&aside).await;
    let done = match fetched {
        Ok(()) => std::fs::rename(aside.join("libs"), folder).map_err(|error| error.to_string()),
        Err(reason) => Err(reason),
    };
    std::fs::remove_dir_all(&aside).ok();
    // Another process may have been faster.
    done.or_else(|reason| if folder.is_dir() { Ok(()) } else { Err(reason) })
}

async fn fetch_into(aside: &Path) -> Result<(), String> {
    let said = |error: std::io::Error| error.to_string();
    std::fs::create_dir_all(aside).map_err(said)?;
    std::fs::write(aside.join("pom.xml"), POM).map_err(said)?;
    let log = std::fs::File::create(aside.join("maven.log")).map_err(said)?;
    let mut maven = Command::new("mvn")
        .args(["-q", "-B", "dependency:copy-dependencies"])
        .args(["-DincludeScope=runtime", "-DoutputDirectory=libs"])
        .current_dir(aside)
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(said)?)
        .stderr(log)
        .spawn()
        .map_err(|error| format!("Maven does not run: {error}"))?;
    let status = until(PATIENCE, async || match maven.try_wait() {
        Ok(Some(status)) => Ok(status),
        Ok(None) => Err("Maven did not come to an end".to_owned()),
        Err(error) => Err(error.to_string()),
    })
    .await
    .inspect_err(|_| drop(maven.kill()))?;
    if status.success() {
        return Ok(());
    }
    let log = std::fs::read_to_string(aside.join("maven.log")).unwrap_or_default();
    let first = log.lines().find(|line| line.contains("ERROR"));
    Err(format!(
        "Maven Central does not give it: {}",
        first.unwrap_or("Maven says no more")
    ))
}
