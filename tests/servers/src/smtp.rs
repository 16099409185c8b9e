//! A mail server of one's own, which keeps what it takes.

use std::{
    io::{BufRead, BufReader},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{
    Authority,
    home::{Home, ended},
    notes,
    wait::{free_port, until},
};

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(30);
const PROGRAM: &str = "/usr/bin/aiosmtpd";
const LOG: &str = "smtp.log";
const MAILS: &str = "mails";

/// A running server on a free port, with a folder of mails. It goes with the value.
#[derive(Debug)]
pub struct Smtp {
    home: Home,
    port: u16,
    /// Certificate and key; with them mail is taken over STARTTLS alone.
    tls: Option<(PathBuf, PathBuf)>,
    process: Mutex<Child>,
}

impl Smtp {
    /// A new server. `None`, and a note that `test` was skipped, where aiosmtpd isn't installed.
    ///
    /// # Panics
    /// Where it is installed and does not start.
    pub async fn start(test: &str) -> Option<Self> {
        Self::start_on(test, None).await
    }

    /// One that takes no mail before STARTTLS, and shows a certificate of this authority.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub async fn start_tls(test: &str, authority: &Authority) -> Option<Self> {
        let tls = (authority.server_certificate(), authority.server_key());
        Self::start_on(test, Some(tls)).await
    }

    async fn start_on(test: &str, tls: Option<(PathBuf, PathBuf)>) -> Option<Self> {
        let Ok(version) = Command::new(PROGRAM).arg("--version").output() else {
            notes::skip(test, "aiosmtpd is not installed");
            return None;
        };
        let mut reason = String::new();
        for _ in 0..5 {
            let (home, port) = (Home::new("smtp"), free_port());
            match launch(&home, port, tls.as_ref()).await {
                Ok(process) => {
                    let version = String::from_utf8_lossy(&version.stdout);
                    let version = version.rsplit('/').next().unwrap_or_default().trim();
                    notes::used(&format!("{version}, process {}, {test}", process.id()));
                    let process = Mutex::new(process);
                    return Some(Self {
                        home,
                        port,
                        tls,
                        process,
                    });
                }
                // A port that was free may be taken a moment later.
                Err(problem) => reason = problem,
            }
        }
        panic!("the mail server did not start: {reason}");
    }

    /// Where clients find it.
    pub fn url(&self) -> String {
        let how = self.tls.as_ref().map_or("", |_| "?tls=required");
        format!("smtp://127.0.0.1:{}{how}", self.port)
    }

    /// The mails that it took, in no certain order.
    ///
    /// # Panics
    /// Where one can't be read.
    pub fn mails(&self) -> Vec<String> {
        let folder: PathBuf = self.home.path().join(MAILS).join("new");
        let files = std::fs::read_dir(folder).into_iter().flatten();
        let paths = files.map(|file| file.expect("a folder is listed").path());
        paths
            .map(|path| std::fs::read_to_string(path).expect("a mail is text"))
            .collect()
    }

    /// Ends it at once, without asking.
    pub fn kill(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        process.kill().ok();
        process.wait().ok();
    }

    /// Starts it again with its mails, on its port, after it was killed.
    ///
    /// # Panics
    /// Where it does not start.
    pub async fn start_again(&self) {
        match launch(&self.home, self.port, self.tls.as_ref()).await {
            Ok(process) => {
                *self.process.lock().unwrap_or_else(PoisonError::into_inner) = process;
            }
            Err(reason) => panic!("the mail server did not start again: {reason}"),
        }
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts a server and waits until it greets.
async fn launch(home: &Home, port: u16, tls: Option<&(PathBuf, PathBuf)>) -> Result<Child, String> {
    let mut command = home.command(PROGRAM, LOG);
    if let Some((certificate, key)) = tls {
        command.arg("--tlscert").arg(certificate);
        command.arg("--tlskey").arg(key);
    }
    let mut process = command
        .args(["--nosetuid", "--class", "aiosmtpd.handlers.Mailbox"])
        .args(["--listen", &format!("127.0.0.1:{port}")])
        .arg(home.path().join(MAILS))
        .spawn()
        .map_err(|error| error.to_string())?;
    let greeted = until(PATIENCE, async || {
        if ended(&mut process).is_ok() {
            return Ok(false);
        }
        greets(port).map(|()| true)
    })
    .await;
    let reason = match greeted {
        Ok(true) => return Ok(process),
        Ok(false) => format!("it ended\n{}", home.tail(LOG)),
        Err(reason) => reason,
    };
    process.kill().ok();
    process.wait().ok();
    Err(reason)
}

fn greets(port: u16) -> Result<(), String> {
    let failed = |error: std::io::Error| error.to_string();
    let stream = TcpStream::connect(("127.0.0.1", port)).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    let mut line = String::new();
    BufReader::new(stream)
        .read_line(&mut line)
        .map_err(failed)?;
    if line.starts_with("220 ") {
        Ok(())
    } else {
        Err(format!("it says {line:?}"))
    }
}
