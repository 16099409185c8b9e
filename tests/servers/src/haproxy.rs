//! A haproxy of one's own, before several command APIs.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    process::{Child, Command},
    time::Duration,
};

use crate::{
    home::{Home, ended},
    notes,
    wait::{free_port, until},
};

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(30);
const LOG: &str = "haproxy.log";
const SOCKET: &str = "stats.sock";

/// A running proxy that sends the requests of one show to one backend, by consistent hashing of the header `Show-Id`; requests without
/// it go round. It asks each backend's `/readyz`. It goes with the value.
#[derive(Debug)]
pub struct Haproxy {
    home: Home,
    port: u16,
    process: Child,
    version: String,
}

impl Haproxy {
    /// A new proxy before these addresses, `host:port`. `None`, and a note that `test` was skipped, where haproxy isn't installed.
    ///
    /// # Panics
    /// Where it is installed and does not start.
    pub async fn start(test: &str, backends: &[String]) -> Option<Self> {
        // Debian keeps it where only root looks.
        let program = ["/usr/sbin/haproxy", "haproxy"]
            .into_iter()
            .find(|program| Command::new(program).arg("-v").output().is_ok());
        let Some(program) = program else {
            notes::skip(test, "haproxy is not installed");
            return None;
        };
        let mut reason = String::new();
        for _ in 0..5 {
            match Self::start_on_free_port(program, backends).await {
                Ok(proxy) => {
                    let Self {
                        version, process, ..
                    } = &proxy;
                    notes::used(&format!(
                        "haproxy, {test}: {version}, process {}",
                        process.id()
                    ));
                    return Some(proxy);
                }
                // A port that was free may be taken a moment later.
                Err(problem) => reason = problem,
            }
        }
        panic!("haproxy did not start: {reason}");
    }

    async fn start_on_free_port(program: &str, backends: &[String]) -> Result<Self, String> {
        let home = Home::new("haproxy");
        let port = free_port();
        let mut settings = include_str!("haproxy.cfg").replace("PORT", &port.to_string());
        for (number, address) in backends.iter().enumerate() {
            let number = number.to_string();
            settings.extend(["    server api", &number, " ", address, " check\n"]);
        }
        std::fs::write(home.path().join("haproxy.cfg"), settings)
            .map_err(|error| error.to_string())?;
        let mut process = home
            .command(program, LOG)
            .args(["-db", "-f", "haproxy.cfg"])
            .spawn()
            .map_err(|error| error.to_string())?;
        let socket = home.path().join(SOCKET);
        let said = until(PATIENCE, async || {
            if ended(&mut process).is_ok() {
                return Ok(None);
            }
            said(&socket).map(Some)
        })
        .await?;
        let (version, id) = said.ok_or_else(|| format!("it ended\n{}", home.tail(LOG)))?;
        if id != process.id() {
            return Err(format!("another haproxy answers: process {id}"));
        }
        Ok(Self {
            home,
            port,
            process,
            version,
        })
    }

    /// Waits until it sends requests to every backend.
    ///
    /// # Panics
    /// Where it does not come to.
    pub async fn until_all_serve(&self) {
        let socket = self.home.path().join(SOCKET);
        let all = until(PATIENCE, async || match down(&socket)? {
            down if down.is_empty() => Ok(()),
            down => Err(format!("{down:?} do not serve")),
        });
        if let Err(reason) = all.await {
            panic!("haproxy: {reason}\n{}", self.home.tail(LOG));
        }
    }

    /// Where clients find it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its version, as it says itself.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Its process id, as it says itself.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        self.home.kill();
        self.process.wait().ok();
    }
}

/// Version and process as the proxy that listens on the socket says.
fn said(socket: &Path) -> Result<(String, u32), String> {
    let answer = ask(socket, "show info")?;
    let value = |name: &str| {
        let lines = answer.lines();
        let mut fields = lines.filter_map(|line| line.split_once(": "));
        fields
            .find(|(field, _)| *field == name)
            .map(|(_, value)| value)
    };
    let version = value("Version").ok_or("it does not say its version")?;
    let process = value("Pid").ok_or("it does not say its process")?;
    let process = process.parse().map_err(|_| process.to_owned())?;
    Ok((format!("HAProxy {version}"), process))
}

/// The servers that the proxy doesn't send anything to, by name.
fn down(socket: &Path) -> Result<Vec<String>, String> {
    let answer = ask(socket, "show stat -1 4 -1")?;
    let mut lines = answer
        .lines()
        .map(|line| line.split(',').collect::<Vec<_>>());
    let head = lines.next().ok_or("it shows no servers")?;
    let column = |name: &str| {
        let found = head.iter().position(|column| column.ends_with(name));
        found.ok_or_else(|| format!("it shows no {name}"))
    };
    let (name, status) = (column("svname")?, column("status")?);
    let down = lines.filter(|server| server.get(status).is_some_and(|status| *status != "UP"));
    Ok(down
        .filter_map(|server| server.get(name).map(|name| (*name).to_owned()))
        .collect())
}

/// One question to the proxy that listens on the socket.
fn ask(socket: &Path, question: &str) -> Result<String, String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut stream = UnixStream::connect(socket).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    writeln!(stream, "{question}").map_err(failed)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(failed)?;
    Ok(answer)
}
