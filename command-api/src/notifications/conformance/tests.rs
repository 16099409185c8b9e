//! Each function fails against a ledger with just the fault that it is there to find.

use async_trait::async_trait;

use super::*;
use crate::{
    notifications::{Counts, SqliteLedger},
    testing::Folder,
};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    CheckpointStays,
    EveryLeaderWins,
    RefusedBatchWritten,
    OrderLost,
    PlaceIgnored,
    LimitIgnored,
    OwnerIgnored,
    WebhooksUnbounded,
    RemovedStillSent,
    DisabledStillCalled,
    LastReasonWins,
    TimeIgnored,
    TriesUncounted,
    SettledTwice,
    RevivedAlive,
    DeadMiscounted,
    PendingSwept,
    SweepUnbounded,
}

#[derive(Debug)]
struct Faulty {
    ledger: SqliteLedger,
    fault: Fault,
}

impl Faulty {
    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    /// The limit, or none.
    fn limit(&self, limit: usize) -> usize {
        if self.has(Fault::LimitIgnored) {
            100
        } else {
            limit
        }
    }

    fn time(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        if self.has(Fault::TimeIgnored) {
            now + TimeDelta::days(1)
        } else {
            now
        }
    }
}

#[async_trait]
impl Ledger for Faulty {
    async fn checkpoint(&self) -> Result<u64, Error> {
        let at = self.ledger.checkpoint().await?;
        Ok(if self.has(Fault::CheckpointStays) {
            0
        } else {
            at
        })
    }

    async fn record(&self, batch: &Batch) -> Result<bool, Error> {
        let recorded = self.ledger.record(batch).await?;
        if !recorded && self.has(Fault::RefusedBatchWritten) {
            let from = self.ledger.checkpoint().await?;
            let anyway = Batch {
                from,
                to: from,
                ..batch.clone()
            };
            self.ledger.record(&anyway).await?;
        }
        Ok(recorded || self.has(Fault::EveryLeaderWins))
    }

    async fn newest(
        &self,
        customer: Uuid,
        before: Option<Place>,
        limit: usize,
    ) -> Result<Vec<Notification>, Error> {
        let mut page = self.ledger.newest(customer, before, limit).await?;
        if self.has(Fault::OrderLost) {
            page.reverse();
        }
        Ok(page)
    }

    async fn after(
        &self,
        customer: Uuid,
        after: Place,
        limit: usize,
    ) -> Result<Vec<Notification>, Error> {
        self.ledger.after(customer, after, limit).await
    }

    async fn told(&self, after: Place, limit: usize) -> Result<Vec<(Place, Uuid)>, Error> {
        let after = if self.has(Fault::PlaceIgnored) {
            Place::default()
        } else {
            after
        };
        self.ledger.told(after, limit).await
    }

    async fn add_webhook(&self, webhook: &Webhook, most: usize) -> Result<bool, Error> {
        let most = if self.has(Fault::WebhooksUnbounded) {
            usize::MAX
        } else {
            most
        };
        self.ledger.add_webhook(webhook, most).await
    }

    async fn webhooks_of(&self, organizer: Uuid) -> Result<Vec<Webhook>, Error> {
        self.ledger.webhooks_of(organizer).await
    }

    async fn called(&self, organizers: &[Uuid]) -> Result<Vec<Webhook>, Error> {
        if self.has(Fault::DisabledStillCalled) {
            return self.ledger.webhooks_of(organizers[0]).await;
        }
        self.ledger.called(organizers).await
    }

    async fn webhook(&self, id: Uuid) -> Result<Option<Webhook>, Error> {
        let mut webhook = self.ledger.webhook(id).await?;
        if let Some(disabled) = webhook.as_mut().and_then(|one| one.disabled.as_mut())
            && self.has(Fault::LastReasonWins)
        {
            "again".clone_into(&mut disabled.reason);
        }
        Ok(webhook)
    }

    async fn calls_any(&self) -> Result<bool, Error> {
        self.ledger.calls_any().await
    }

    async fn remove_webhook(&self, organizer: Uuid, id: Uuid) -> Result<bool, Error> {
        let removed = self.ledger.remove_webhook(organizer, id).await?;
        if removed && self.has(Fault::RemovedStillSent) {
            record(&self.ledger, Vec::new(), vec![delivery(id, 1)])
                .await
                .unwrap();
        }
        Ok(removed || self.has(Fault::OwnerIgnored))
    }

    async fn disable_webhook(&self, id: Uuid, disabled: &Disabled) -> Result<(), Error> {
        self.ledger.disable_webhook(id, disabled).await
    }

    async fn lanes(&self, now: DateTime<Utc>, limit: usize) -> Result<Vec<Uuid>, Error> {
        self.ledger.lanes(self.time(now), limit).await
    }

    async fn due(
        &self,
        lane: Uuid,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<Delivery>, Error> {
        let limit = self.limit(limit);
        self.ledger.due(lane, self.time(now), limit).await
    }

    async fn settle(&self, outcomes: &[(Uuid, Outcome)], now: DateTime<Utc>) -> Result<(), Error> {
        self.ledger.settle(outcomes, now).await?;
        for (id, outcome) in outcomes {
            let retried = matches!(outcome, Outcome::Retry { .. });
            if retried && self.has(Fault::TriesUncounted) {
                let again = [(*id, outcome.clone())];
                self.ledger.settle(&again, now).await?;
            }
            if outcome.name() == "dead" && self.has(Fault::SettledTwice) {
                let sql =
                    "UPDATE notification_deliveries SET state = 'dead' WHERE notification_id = ?1";
                let dead = sqlx::query(sql).bind(id.to_string());
                dead.execute(self.ledger.pool()).await.unwrap();
            }
        }
        Ok(())
    }

    async fn dead(
        &self,
        before: Option<(u64, Uuid)>,
        limit: usize,
    ) -> Result<Vec<Delivery>, Error> {
        self.ledger.dead(before, limit).await
    }

    async fn dead_one(&self, id: Uuid) -> Result<Option<Delivery>, Error> {
        self.ledger.dead_one(id).await
    }

    async fn revive(&self, id: Uuid, now: DateTime<Utc>) -> Result<bool, Error> {
        let revived = self.ledger.revive(id, now).await?;
        Ok(revived || self.has(Fault::RevivedAlive))
    }

    async fn counts(&self) -> Result<Counts, Error> {
        let mut counts = self.ledger.counts().await?;
        if self.has(Fault::DeadMiscounted) {
            counts.dead = 0;
        }
        Ok(counts)
    }

    async fn sweep(&self, before: DateTime<Utc>, limit: usize) -> Result<u64, Error> {
        if self.has(Fault::PendingSwept) {
            let sql = "DELETE FROM notification_deliveries WHERE state = 'pending'";
            let swept = sqlx::query(sql).execute(self.ledger.pool()).await;
            swept.unwrap();
        }
        let limit = if self.has(Fault::SweepUnbounded) {
            100
        } else {
            limit
        };
        self.ledger.sweep(before, limit).await
    }
}

/// Runs one function on a ledger of its own with a fault.
macro_rules! finds {
    ($($fault:ident by $function:ident;)*) => {$(
        for fault in [Fault::None, Fault::$fault] {
            let folder = Folder::new();
            let ledger = SqliteLedger::open(&folder.path("log.db")).await.unwrap();
            let found = $function(&Faulty { ledger, fault }).await;
            assert_eq!(found.is_err(), fault != Fault::None, "{fault:?}: {found:?}");
        }
    )*};
}

#[tokio::test]
async fn each_function_finds_its_fault() {
    finds! {
        CheckpointStays by a_batch_is_written_once_and_moves_the_checkpoint;
        EveryLeaderWins by of_two_leaders_one_goes_on;
        RefusedBatchWritten by of_two_leaders_one_goes_on;
        RevivedAlive by the_dead_are_listed_and_revived;
        OrderLost by pages_are_in_order;
        PlaceIgnored by who_was_told_is_found;
        OwnerIgnored by webhooks_are_kept_by_organizer;
        WebhooksUnbounded by webhooks_are_bounded;
        RemovedStillSent by a_removed_webhook_takes_its_deliveries_along;
        DisabledStillCalled by a_disabled_webhook_is_not_called;
        LastReasonWins by a_disabled_webhook_is_not_called;
        TimeIgnored by what_is_due_is_found_by_lane;
        LimitIgnored by what_is_due_is_found_by_lane;
        TriesUncounted by a_try_is_counted_and_settled_is_settled;
        SettledTwice by a_try_is_counted_and_settled_is_settled;
        DeadMiscounted by deliveries_are_counted;
        PendingSwept by sweeping_leaves_what_is_pending;
        SweepUnbounded by sweeping_leaves_what_is_pending;
    }
}
