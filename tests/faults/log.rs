//! The log's servers.

use std::time::{Duration, Instant};

use servers::StandbyOptions;

use crate::{
    round::{rounds, under_load},
    stage::Turn,
};

/// How long the standby stays away: longer than a command's deadline.
const AWAY: Duration = Duration::from_secs(10);

/// The promoted standby takes writes once it has a standby of its own. The old primary comes back and takes none.
#[tokio::test(flavor = "multi_thread")]
async fn the_logs_primary_is_killed_and_its_standby_promoted() {
    for _ in 0..rounds() {
        let test = "the log's primary is killed and its standby promoted";
        let Some(mut turn) = Turn::begin(test).await else {
            return;
        };
        let servers = &mut turn.stage.servers;
        let mut next = None;
        let what = "log primary killed, standby promoted, old one back";
        under_load(&turn.stage.cluster, what, async |_| {
            servers.log.kill();
            servers.log_standby.promote().await;
            let synchronous = StandbyOptions { synchronous: true };
            next = Some(servers.log_standby.standby(synchronous).await);
            servers.log.restart().await;
        })
        .await;
        let events = "SELECT max(position) FROM events";
        let old = servers.log.number("log", events).await;
        let promoted = servers.log_standby.number("log", events).await;
        assert!(
            old < promoted,
            "the old primary has {old} of {promoted} events"
        );
    }
}

/// While the standby is away nothing is acknowledged: what is not on two disks is unknown.
#[tokio::test(flavor = "multi_thread")]
async fn without_its_standby_the_log_acknowledges_nothing() {
    let Some(mut turn) = Turn::begin("without its standby the log acknowledges nothing").await
    else {
        return;
    };
    for _ in 0..rounds() {
        let standby = &mut turn.stage.servers.log_standby;
        under_load(
            &turn.stage.cluster,
            "log standby stopped for 10 s",
            async |load| {
                standby.stop().await;
                let gone = Instant::now();
                tokio::time::sleep(AWAY).await;
                let slipped = load.count(|sent| sent.at >= gone && sent.is_acknowledged());
                assert_eq!(slipped, 0, "acknowledged without a standby");
                standby.restart().await;
            },
        )
        .await;
    }
    turn.end();
}
