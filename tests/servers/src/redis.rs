//! A Redis of one's own.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    process::{Child, Command},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{
    home::{Home, ended},
    notes,
    wait::{free_port, until},
};

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(30);
const PROGRAM: &str = "redis-server";
const LOG: &str = "redis.log";

/// A running server in a folder of its own, on a free port. It goes with the value.
#[derive(Debug)]
pub struct Redis {
    home: Home,
    port: u16,
    keeps_data: bool,
    process: Mutex<Child>,
    version: String,
}

impl Redis {
    /// A new server. With `keeps_data`, each write is on disk before it is answered; without, nothing is ever. `None`, and a note that `test`
    /// was skipped, where Redis isn't installed.
    ///
    /// # Panics
    /// Where it is installed and does not start.
    pub async fn start(test: &str, keeps_data: bool) -> Option<Self> {
        let server = Self::try_start(keeps_data).await;
        if let Some(server) = &server {
            notes::used(&format!("{}, {test}", server.describe()));
        } else {
            notes::skip(test, "redis-server is not installed");
        }
        server
    }

    /// The same, without a note.
    ///
    /// # Panics
    /// Where it is installed and does not start.
    pub async fn try_start(keeps_data: bool) -> Option<Self> {
        Command::new(PROGRAM).arg("--version").output().ok()?;
        let mut reason = String::new();
        for _ in 0..5 {
            let (home, port) = (Home::new("redis"), free_port());
            match launch(&home, port, keeps_data).await {
                Ok((process, version)) => {
                    return Some(Self {
                        home,
                        port,
                        keeps_data,
                        process: Mutex::new(process),
                        version,
                    });
                }
                // A port that was free may be taken a moment later.
                Err(problem) => reason = problem,
            }
        }
        panic!("redis did not start: {reason}");
    }

    /// Where clients find it.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// What it says of itself.
    pub fn describe(&self) -> String {
        format!("{}, process {}", self.version, self.process().id())
    }

    /// Ends it at once, without asking.
    pub fn kill(&self) {
        let mut process = self.process();
        process.kill().ok();
        process.wait().ok();
    }

    /// Starts it again in its folder, on its port, after it was killed.
    ///
    /// # Panics
    /// Where it does not start.
    pub async fn start_again(&self) {
        match launch(&self.home, self.port, self.keeps_data).await {
            Ok((process, _)) => *self.process() = process,
            Err(reason) => panic!("redis did not start again: {reason}"),
        }
    }

    fn process(&self) -> std::sync::MutexGuard<'_, Child> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts a server and waits until it answers; its process, and what it says of itself.
async fn launch(home: &Home, port: u16, keeps_data: bool) -> Result<(Child, String), String> {
    let appends = if keeps_data { "yes" } else { "no" };
    let mut process = home
        .command(PROGRAM, LOG)
        .args(["--bind", "127.0.0.1", "--save", ""])
        .args(["--appendonly", appends, "--appendfsync", "always"])
        .arg("--port")
        .arg(port.to_string())
        .spawn()
        .map_err(|error| error.to_string())?;
    let said = until(PATIENCE, async || {
        if ended(&mut process).is_ok() {
            return Ok(None);
        }
        said(port).map(Some)
    })
    .await;
    let started = match said {
        Ok(Some((version, id))) if id == process.id() => Ok(version),
        Ok(Some((_, id))) => Err(format!("another Redis answers: process {id}")),
        Ok(None) => Err(format!("it ended\n{}", home.tail(LOG))),
        Err(reason) => Err(reason),
    };
    match started {
        Ok(version) => Ok((process, version)),
        Err(reason) => {
            process.kill().ok();
            process.wait().ok();
            Err(reason)
        }
    }
}

/// Version and process as the server that listens on the port says.
fn said(port: u16) -> Result<(String, u32), String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    stream.write_all(b"INFO server\r\n").map_err(failed)?;
    let (mut version, mut process) = (None, None);
    let mut lines = BufReader::new(stream).lines();
    while version.is_none() || process.is_none() {
        let line = lines.next().ok_or("it says no more")?.map_err(failed)?;
        if line.starts_with('-') {
            return Err(line);
        }
        if let Some(text) = line.strip_prefix("redis_version:") {
            version = Some(text.to_owned());
        }
        if let Some(text) = line.strip_prefix("process_id:") {
            process = text.parse().ok();
        }
    }
    let said = version.zip(process).ok_or("it does not say who it is")?;
    Ok((format!("Redis {}", said.0), said.1))
}
