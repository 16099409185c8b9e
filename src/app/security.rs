//! What this process tells the security log: who signs in, who is refused, and what is done with the keys of personal data.

use std::sync::Arc;

use command_api::key_store::{KeyStore, WatchedKeyStore};
use edge::security::{Ear, Told};
use event_store::{
    Clock,
    security_log::{NewEntry, Recorder},
};

use super::assembly::{APPENDS, Parts};
use crate::adapters::Port;

impl Parts {
    /// Who hears of calls. A process without the log's database goes on without it; it has none where the log is a file of another.
    pub(super) async fn security(&self) -> anyhow::Result<Option<Ear>> {
        let Some(recorder) = self.security_recorder("the security log").await? else {
            return Ok(None);
        };
        let clock = self.clock.clone();
        let tell = move |told: Told| {
            recorder.record(NewEntry {
                at: clock.now(),
                kind: told.kind.to_owned(),
                subject: told.subject,
                role: told
                    .role
                    .map(|role| role.name().to_owned())
                    .unwrap_or_default(),
                target: told.target,
            });
        };
        Ok(Some(Ear::new(self.verifier.clone(), tell)))
    }

    /// The key store, as one part of this process uses it.
    pub(super) async fn watched_keys(
        &self,
        user: &'static str,
    ) -> anyhow::Result<Arc<dyn KeyStore>> {
        let keys = self.adapters.keys().await?;
        // A recorder of its own: a night of e-mails must not crowd out who failed to sign in.
        let recorder = self.security_recorder("the use of keys").await?;
        Ok(match recorder {
            Some(recorder) => watched(keys, recorder, self.clock.clone(), user),
            None => keys,
        })
    }

    async fn security_recorder(&self, task: &'static str) -> anyhow::Result<Option<Recorder>> {
        let log = if APPENDS.iter().any(|role| self.roles.has(*role)) {
            self.adapters.security_log().await?
        } else if Port::Log.is_embedded(&self.config.settings)? {
            tracing::warn!(
                "log.url names no server: this process keeps no security log of its calls"
            );
            return Ok(None);
        } else {
            self.adapters.security_log_once_used()?
        };
        let following = &self.stages.following;
        let (recorder, keeper) = Recorder::new(log, following.end.clone());
        // It ends once nobody can tell it anything any more, which is when the requests have ended.
        let end = following.end.clone();
        let keeper = async move {
            keeper.await;
            end.cancelled().await;
        };
        following.run(task, &self.health, keeper);
        Ok(Some(recorder))
    }
}

/// Keys whose use is told: by whom, with whose key, when.
pub(crate) fn watched(
    keys: Arc<dyn KeyStore>,
    recorder: Recorder,
    clock: Arc<dyn Clock>,
    user: impl Into<String>,
) -> Arc<dyn KeyStore> {
    let target = format!("key store, by {}", user.into());
    let tell = move |usage: command_api::key_store::KeyUse, customer: uuid::Uuid| {
        recorder.record(NewEntry {
            at: clock.now(),
            kind: usage.name().to_owned(),
            subject: customer.to_string(),
            role: String::new(),
            target: target.clone(),
        });
    };
    Arc::new(WatchedKeyStore::new(keys, tell))
}
