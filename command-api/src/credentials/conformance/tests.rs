//! Each function fails against a store with just the fault that it is there to find.

use std::sync::Mutex;

use async_trait::async_trait;

use super::*;
use crate::{credentials::SqliteCredentials, testing::Folder};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    FirstPasswordKept,
    SettledDiscarded,
    PendingKept,
    LimitIgnored,
    AgeIgnored,
    NextForgotten,
    ReuseForgiven,
    ReuseUnpunished,
    EveryRotationWins,
    ExpiryIgnored,
    EndForgotten,
    SessionsUnbounded,
    SessionsOutliveErasure,
    PasswordOutlivesErasure,
    SweepTakesAll,
}

#[derive(Debug)]
struct Faulty {
    store: SqliteCredentials,
    fault: Fault,
    opened: Mutex<Vec<NewSession>>,
}

impl Faulty {
    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }
}

#[async_trait]
impl Credentials for Faulty {
    async fn put_password(
        &self,
        customer: Uuid,
        phc: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        if self.has(Fault::FirstPasswordKept) && self.store.password(customer).await?.is_some() {
            return Ok(());
        }
        self.store.put_password(customer, phc, now).await
    }

    async fn password(&self, customer: Uuid) -> Result<Option<String>, Error> {
        self.store.password(customer).await
    }

    async fn settle_password(&self, customer: Uuid) -> Result<(), Error> {
        if self.has(Fault::SettledDiscarded) {
            return Ok(());
        }
        self.store.settle_password(customer).await
    }

    async fn discard_password(&self, customer: Uuid) -> Result<(), Error> {
        if self.has(Fault::PendingKept) {
            return Ok(());
        }
        self.store.discard_password(customer).await
    }

    async fn pending_passwords(
        &self,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Uuid>, Error> {
        match self.fault {
            Fault::LimitIgnored => self.store.pending_passwords(before, usize::MAX).await,
            Fault::AgeIgnored => {
                let later = before + TimeDelta::days(1);
                self.store.pending_passwords(later, limit).await
            }
            _ => self.store.pending_passwords(before, limit).await,
        }
    }

    async fn open_session(&self, session: NewSession) -> Result<(), Error> {
        self.opened.lock().unwrap().push(session);
        self.store.open_session(session).await
    }

    async fn rotate(&self, mut rotation: Rotation) -> Result<Rotated, Error> {
        let opened = self
            .opened
            .lock()
            .unwrap()
            .iter()
            .find(|one| one.token == rotation.shown)
            .copied();
        match self.fault {
            Fault::NextForgotten => rotation.next = rotation.shown,
            Fault::ExpiryIgnored => rotation.now = DateTime::UNIX_EPOCH,
            _ => {}
        }
        let rotated = self.store.rotate(rotation).await?;
        Ok(match (self.fault, rotated) {
            (Fault::ReuseForgiven, Rotated::Reused { session, customer }) => {
                Rotated::Next { session, customer }
            }
            (Fault::ReuseUnpunished, Rotated::Reused { session, customer }) => {
                let again = NewSession {
                    session,
                    customer,
                    family: rotation.family,
                    token: rotation.next,
                    opened_at: rotation.now,
                    expires_at: rotation.expires_at,
                };
                self.store.open_session(again).await?;
                rotated
            }
            (Fault::EveryRotationWins, _) => Rotated::Next {
                session: Uuid::nil(),
                customer: Uuid::nil(),
            },
            (Fault::SessionsUnbounded, Rotated::Unknown) => {
                opened.map_or(rotated, |one| Rotated::Next {
                    session: one.session,
                    customer: one.customer,
                })
            }
            _ => rotated,
        })
    }

    async fn end_session(&self, session: Uuid) -> Result<(), Error> {
        if self.has(Fault::EndForgotten) {
            return Ok(());
        }
        self.store.end_session(session).await
    }

    async fn erase(&self, customer: Uuid) -> Result<(), Error> {
        match self.fault {
            // The sessions are opened again, as they were.
            Fault::SessionsOutliveErasure => {
                self.store.erase(customer).await?;
                let opened = self.opened.lock().unwrap().clone();
                for session in opened.into_iter().filter(|one| one.customer == customer) {
                    self.store.open_session(session).await?;
                }
                Ok(())
            }
            Fault::PasswordOutlivesErasure => {
                let phc = self.store.password(customer).await?.unwrap_or_default();
                self.store.erase(customer).await?;
                self.store.put_password(customer, &phc, now()).await
            }
            _ => self.store.erase(customer).await,
        }
    }

    async fn sweep_sessions(&self, now: DateTime<Utc>, limit: usize) -> Result<u64, Error> {
        match self.fault {
            Fault::SweepTakesAll => {
                self.store
                    .sweep_sessions(now + TimeDelta::days(10), limit)
                    .await
            }
            Fault::LimitIgnored => self.store.sweep_sessions(now, usize::MAX).await,
            _ => self.store.sweep_sessions(now, limit).await,
        }
    }
}

macro_rules! finds {
    ($($test:ident: $function:ident finds $($fault:ident),+;)*) => {$(
        #[tokio::test]
        async fn $test() {
            for fault in [Fault::None, $(Fault::$fault),+] {
                let folder = Folder::new();
                let store = SqliteCredentials::open(&folder.path("log.db")).await.unwrap();
                let found = $function(&Faulty { store, fault, opened: Mutex::default() }).await;
                assert_eq!(found.is_ok(), fault == Fault::None, "{fault:?}: {found:?}");
            }
        }
    )*};
}

finds! {
    keeping: a_password_is_kept_and_replaced finds FirstPasswordKept;
    discarding: only_what_is_pending_is_discarded finds SettledDiscarded, PendingKept;
    listing: pending_passwords_are_listed_by_age finds LimitIgnored, AgeIgnored;
    rotating: a_token_rotates finds NextForgotten, EveryRotationWins;
    reusing: a_rotated_token_ends_the_session finds ReuseForgiven, ReuseUnpunished;
    racing: one_of_many_rotations_wins finds EveryRotationWins;
    expiring: an_expired_session_is_unknown finds ExpiryIgnored;
    ending: an_ended_session_is_unknown finds EndForgotten;
    bounding: sessions_are_bounded finds SessionsUnbounded;
    erasing: erasing_leaves_nothing finds SessionsOutliveErasure, PasswordOutlivesErasure;
    sweeping: sweeping_takes_what_expired finds SweepTakesAll, LimitIgnored;
}
