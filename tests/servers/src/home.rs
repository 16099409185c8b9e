//! A folder, the processes that run in it, and the watchdog that ends both.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use uuid::Uuid;

use crate::wait::until;

/// A folder of its own under the system's temporary folder. Every process whose working folder is in it belongs to it.
///
/// Processes and folder go with the value. They go as well when this process is killed: a shell beside it waits for the end of its
/// standard input, which comes with this process's end, whatever ended it.
#[derive(Debug)]
pub struct Home {
    path: PathBuf,
    owner: Option<Owner>,
    watchdog: Child,
}

/// A user of this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    user: u32,
    group: u32,
}

impl Owner {
    /// The user of that name, for what refuses to run as root. `None`: this process isn't root, and the server runs as what it is.
    ///
    /// # Panics
    /// Where this process is root and the machine has no such user.
    pub(crate) fn instead_of_root(name: &str) -> Option<Self> {
        if !geteuid().is_root() {
            return None;
        }
        let users = std::fs::read_to_string("/etc/passwd").expect("a machine lists its users");
        let fields = users
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>());
        let user = fields
            .filter(|fields| fields.first() == Some(&name))
            .find_map(|fields| {
                Some(Self {
                    user: fields.get(2)?.parse().ok()?,
                    group: fields.get(3)?.parse().ok()?,
                })
            });
        Some(user.unwrap_or_else(|| panic!("there is no user {name} to run a server as")))
    }
}

impl Home {
    /// A new folder whose name says what it is for.
    ///
    /// # Panics
    /// Where the folder can't be made.
    pub fn new(what: &str) -> Self {
        Self::owned_by(what, None)
    }

    pub(crate) fn owned_by(what: &str, owner: Option<Owner>) -> Self {
        let root = std::env::temp_dir()
            .canonicalize()
            .expect("a machine has a temporary folder");
        // Short, because a Unix socket's path is.
        let path = root.join(format!("frontrow-{what}-{}", Uuid::now_v7().simple()));
        let mut watchdog = Command::new("sh");
        watchdog
            .args(["-c", include_str!("watchdog.sh"), "watchdog"])
            .arg(&path)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let watchdog = detached(&mut watchdog)
            .spawn()
            .expect("a machine has a shell");
        std::fs::create_dir(&path).expect("a temporary folder takes a folder");
        if let Some(Owner { user, group }) = owner {
            std::os::unix::fs::chown(&path, Some(user), Some(group))
                .expect("root gives a folder away");
        }
        Self {
            path,
            owner,
            watchdog,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A command that runs in it, in a process group of its own, and writes to `log` there.
    ///
    /// # Panics
    /// Where the log can't be opened.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>, log: &str) -> Command {
        use std::os::unix::process::CommandExt;
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path.join(log))
            .expect("the folder takes a log");
        let mut command = Command::new(program);
        command
            .current_dir(&self.path)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("an open file is shared"))
            .stderr(log);
        if let Some(Owner { user, group }) = self.owner {
            command.uid(user).gid(group);
        }
        detached(&mut command);
        command
    }

    /// The processes that run in it.
    pub fn processes(&self) -> Vec<u32> {
        let Ok(processes) = std::fs::read_dir("/proc") else {
            return Vec::new();
        };
        let here = |process: &std::fs::DirEntry| {
            // That of a process that has ended, and only waits for its parent, can't be read.
            std::fs::read_link(process.path().join("cwd"))
                .is_ok_and(|folder| folder.starts_with(&self.path))
        };
        processes
            .flatten()
            .filter(here)
            .filter_map(|process| process.file_name().to_str()?.parse().ok())
            .collect()
    }

    /// Stops every process in it where it stands; they are there, and do nothing, until [`Self::resume`].
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets them go on.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Ends every process in it, at once and without asking.
    ///
    /// # Panics
    /// Where one stays.
    pub fn kill(&self) {
        let end = std::time::Instant::now() + Duration::from_secs(20);
        while !self.processes().is_empty() {
            self.signal(Signal::KILL);
            assert!(
                std::time::Instant::now() < end,
                "{:?} stay in {}",
                self.processes(),
                self.path.display()
            );
            std::thread::yield_now();
        }
    }

    fn signal(&self, signal: Signal) {
        for process in self.processes() {
            send(process, signal);
        }
    }

    /// The last lines of a log in it, for a failure's message.
    pub fn tail(&self, log: &str) -> String {
        let text = std::fs::read(self.path.join(log)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.kill();
        std::fs::remove_dir_all(&self.path).ok();
        drop(self.watchdog.stdin.take());
        self.watchdog.wait().ok();
    }
}

/// Away from this process's group, so that an interrupt at the terminal ends this process and leaves the rest to the watchdog.
fn detached(command: &mut Command) -> &mut Command {
    use std::os::unix::process::CommandExt;
    command.process_group(0)
}

/// Sends a signal to one process; one that is gone is no failure.
pub(crate) fn send(process: u32, signal: Signal) {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    if let Some(process) = process {
        kill_process(process, signal).ok();
    }
}

/// Whether a process has ended; if not, why not.
pub(crate) fn ended(process: &mut Child) -> Result<(), String> {
    match process.try_wait() {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err("it still runs".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Runs a program to its end, which must be a good one.
pub(crate) async fn finish(home: &Home, log: &str, mut command: Command, patience: Duration) {
    let mut process = command.spawn().expect("the server is installed");
    if let Err(reason) = until(patience, async || ended(&mut process)).await {
        panic!("{command:?}: {reason}");
    }
    let status = process.wait().expect("it has ended");
    assert!(
        status.success(),
        "{command:?}: {status}\n{}",
        home.tail(log)
    );
}
