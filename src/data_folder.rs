//! The data folder: one server's stores, its signing key, and the lock that keeps a second server out.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

/// Only its owner may look into the folder: it holds keys.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
const LOCK_FILE: &str = "frontrow.lock";
/// How long a folder in use is tried again before it is refused, and how often.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// A data folder that this process alone serves, for as long as the value lives. The operating system releases the lock when the
/// process dies, however it dies.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Creates the folder where it is missing, and locks it.
    ///
    /// # Errors
    /// When another process serves it, or the folder can't be created or written.
    pub fn lock(path: &Path) -> anyhow::Result<Self> {
        create(path)?;
        let mut lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(FILE_MODE)
            .open(path.join(LOCK_FILE))
            .with_context(|| format!("the data folder {} can't be written", path.display()))?;
        // Whoever held it may be just ending, and a child that it was starting holds it until it runs.
        let end = Instant::now() + LOCK_PATIENCE;
        let mut tried = lock.try_lock();
        while matches!(tried, Err(TryLockError::WouldBlock)) && Instant::now() < end {
            thread::sleep(LOCK_PAUSE);
            tried = lock.try_lock();
        }
        match tried {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = holder(&mut lock).unwrap_or_else(|| "that is not named".to_owned());
                bail!("data folder in use by process {holder}: {}", path.display());
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| {
                    format!("the data folder {} can't be locked", path.display())
                });
            }
        }
        lock.set_len(0)
            .and_then(|()| lock.seek(SeekFrom::Start(0)))
            .and_then(|_| writeln!(lock, "{}", std::process::id()))
            .with_context(|| format!("the data folder {} can't be written", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Creates the folder where it is missing, without a lock: for what may run beside a server.
///
/// # Errors
/// When it can't be created, or is no folder.
pub fn create(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(path)
        .with_context(|| format!("the data folder {} can't be created", path.display()))
}

/// Writes a small file of the folder as a whole: a crash leaves the old one or the new one.
///
/// # Errors
/// When it can't be written.
pub fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(FILE_MODE)
        .open(&unfinished)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn holder(lock: &mut File) -> Option<String> {
    let mut text = String::new();
    lock.take(32).read_to_string(&mut text).ok()?;
    let pid = text.trim();
    (!pid.is_empty()).then(|| pid.to_owned())
}

/// A folder of its own that is removed with the value: for the demo and for tests.
#[derive(Debug)]
pub struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    /// A new folder among the system's temporary ones.
    ///
    /// # Errors
    /// When it can't be created.
    pub fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("frontrow-{}", uuid::Uuid::now_v7()));
        create(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // What can't be removed is left to the system's own cleaning of temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_in_use_names_its_process_until_it_is_free() {
        let temporary = TemporaryFolder::new().unwrap();
        let path = temporary.path().join("a/b");
        let first = DataFolder::lock(&path).unwrap();
        let error = DataFolder::lock(&path).unwrap_err().to_string();
        let expected = format!("data folder in use by process {}", std::process::id());
        assert!(error.contains(&expected), "{error}");
        drop(first);
        DataFolder::lock(&path).unwrap();
    }

    #[test]
    fn the_folder_is_its_owners_alone() {
        let temporary = TemporaryFolder::new().unwrap();
        let folder = DataFolder::lock(&temporary.path().join("data")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(folder.path()), FOLDER_MODE);
        assert_eq!(mode(&folder.path().join(LOCK_FILE)), FILE_MODE);
    }
}
