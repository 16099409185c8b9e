//! The log's servers.

use std::time::{Duration, Instant};

use servers::{Cluster, StandbyOptions};

use crate::{
    round::{PREMATURE, rounds, under_load},
    stage::Turn,
};

/// How long the standby stays away: longer than a command's deadline.
const AWAY: Duration = Duration::from_secs(10);

/// The promoted standby takes writes once it has a standby of its own. The old primary comes back and takes none.
#[tokio::test(flavor = "multi_thread")]
async fn the_logs_primary_is_killed_and_its_standby_promoted() {
    let test = "the log's primary is killed and its standby promoted";
    let what = "log primary killed, standby promoted, old one back";
    fail_over(test, what, |_| {}, |_| {}).await;
}

/// When it wakes, the server that it knew answers again, and knows nothing of the fail-over.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_api_sleeps_through_the_logs_fail_over() {
    let test = "a command API sleeps through the log's fail-over";
    let what = "log fail-over, old one back, a command API asleep";
    let sleep = |cluster: &Cluster| cluster.pause("command-api-2");
    let wake = |cluster: &Cluster| cluster.resume("command-api-2");
    fail_over(test, what, sleep, wake).await;
}

async fn fail_over(test: &str, what: &str, before: impl Fn(&Cluster), after: impl Fn(&Cluster)) {
    let mut lost = 0;
    for _ in 0..rounds() {
        let Some(mut turn) = Turn::begin(test).await else {
            return;
        };
        let (servers, cluster) = (&mut turn.stage.servers, &turn.stage.cluster);
        let mut next = None;
        lost += under_load(cluster, what, async |_| {
            before(cluster);
            servers.log.kill();
            servers.log_standby.promote().await;
            let synchronous = StandbyOptions { synchronous: true };
            next = Some(servers.log_standby.standby(synchronous).await);
            servers.log.restart().await;
            after(cluster);
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
    assert_eq!(
        lost > 0,
        PREMATURE,
        "{lost} commands were lost in all rounds"
    );
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
