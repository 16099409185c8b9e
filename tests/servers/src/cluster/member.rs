//! One process of a cluster.

use std::{
    process::Child,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rustix::process::Signal;

use super::{Cluster, READS_THE_REPLICA, probe};
use crate::{
    Home,
    home::{ended, send},
    wait::{free_port, until},
};

/// How long it may take to become ready or to end.
const PATIENCE: Duration = Duration::from_mins(2);

/// A role, or several, at an address that it keeps for life.
#[derive(Debug)]
pub(super) struct Member {
    name: &'static str,
    roles: &'static str,
    port: u16,
    process: Mutex<Option<Child>>,
}

impl Member {
    pub(super) fn new(name: &'static str, roles: &'static str) -> Self {
        Self {
            name,
            roles,
            port: free_port(),
            process: Mutex::default(),
        }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn is(&self, role: &str) -> bool {
        self.roles == role
    }

    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    pub(super) fn log(&self) -> String {
        format!("{}.log", self.name)
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.process().as_ref().map(Child::id)
    }

    /// Starts without waiting.
    pub(super) fn launch(&self, cluster: &Cluster, arguments: &[&str]) {
        let mut command = cluster.home.command(&cluster.program, &self.log());
        command
            .args(["serve", "--roles", self.roles, "--listen", &self.address()])
            .arg("--config")
            .arg(&cluster.config)
            .args(arguments)
            .envs(cluster.extra.environment.iter().cloned());
        if self.name == READS_THE_REPLICA {
            command.env("FRONTROW__READ_MODEL__REPLICAS", &cluster.stores.replica);
        }
        let process = command.spawn().expect("the program is built");
        *self.process() = Some(process);
    }

    fn process(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it says that it is ready.
    pub(super) async fn until_ready(&self, home: &Home) {
        let ready = until(PATIENCE, async || {
            if self.has_ended() {
                return Ok(false);
            }
            self.is_ready().await.map(|()| true)
        });
        let ready = ready.await;
        assert!(
            matches!(ready, Ok(true)),
            "{} is not ready: {ready:?}\n{}",
            self.name,
            home.tail(&self.log())
        );
    }

    fn has_ended(&self) -> bool {
        self.process()
            .as_mut()
            .is_none_or(|process| ended(process).is_ok())
    }

    /// Waits until it has ended by itself.
    pub(super) async fn until_ended(&self) {
        let ended = until(PATIENCE, async || {
            if self.has_ended() {
                Ok(())
            } else {
                Err("it still runs".to_owned())
            }
        });
        let ended = ended.await;
        assert!(ended.is_ok(), "{}: {ended:?}", self.name);
        self.kill();
    }

    pub(super) async fn is_ready(&self) -> Result<(), String> {
        let status = probe::status(&self.address(), "/readyz").await?;
        if status == 200 {
            Ok(())
        } else {
            Err(format!("/readyz answers {status}"))
        }
    }

    /// Whether it says that it leads.
    pub(super) async fn leads(&self, metric: &str) -> Result<bool, String> {
        let value = probe::metric(&self.address(), metric).await?;
        Ok(value > 0.5)
    }

    pub(super) fn signal(&self, signal: Signal) {
        if let Some(process) = self.process().as_ref() {
            send(process.id(), signal);
        }
    }

    pub(super) fn kill(&self) {
        if let Some(mut process) = self.process().take() {
            process.kill().ok();
            process.wait().ok();
        }
    }

    pub(super) async fn stop(&self, home: &Home) {
        self.signal(Signal::TERM);
        let stopped = until(PATIENCE, async || {
            if self.has_ended() {
                Ok(())
            } else {
                Err("it still runs".to_owned())
            }
        });
        let stopped = stopped.await;
        let process = self.process().take();
        let status = process.and_then(|mut process| process.wait().ok());
        assert!(
            stopped.is_ok() && status.is_some_and(|status| status.success()),
            "{} ended with {status:?}\n{}",
            self.name,
            home.tail(&self.log())
        );
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}
