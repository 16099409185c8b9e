//! `kill -9` of each role; the supervisor starts it again.

use crate::{
    round::{rounds, under_load},
    stage::Turn,
};

macro_rules! killed {
    ($($test:ident: $member:literal),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                let Some(turn) = Turn::begin(stringify!($test)).await else {
                    return;
                };
                let cluster = &turn.stage.cluster;
                for _ in 0..rounds() {
                    under_load(cluster, concat!("kill -9 of ", $member), async |_| {
                        cluster.kill($member);
                        cluster.start_again($member).await;
                    })
                    .await;
                }
                turn.end();
            }
        )+
    };
}

killed!(
    a_command_api_is_killed: "command-api-1",
    a_projection_worker_is_killed: "projections-1",
    a_query_api_is_killed: "query-api-1",
    the_audit_is_killed: "audit",
);

/// Whichever of the two leads, its end is among these.
#[tokio::test(flavor = "multi_thread")]
async fn the_process_managers_are_killed_in_turn() {
    let Some(turn) = Turn::begin("the process managers are killed in turn").await else {
        return;
    };
    let cluster = &turn.stage.cluster;
    for _ in 0..rounds() {
        let what = "kill -9 of one process manager, then the other";
        under_load(cluster, what, async |_| {
            for member in ["process-managers-1", "process-managers-2"] {
                cluster.kill(member);
                cluster.start_again(member).await;
            }
        })
        .await;
    }
    turn.end();
}

/// One of the two leads; the other takes over when its lease has run out.
#[tokio::test(flavor = "multi_thread")]
async fn the_leading_relay_is_killed() {
    let Some(turn) = Turn::begin("the leading relay is killed").await else {
        return;
    };
    let cluster = &turn.stage.cluster;
    for _ in 0..rounds() {
        let leader = cluster.leading_relay().await;
        under_load(cluster, "kill -9 of the leading relay", async |_| {
            cluster.kill(leader);
            assert_ne!(cluster.leading_relay().await, leader);
            cluster.start_again(leader).await;
        })
        .await;
    }
    turn.end();
}

/// Longer than its lease: when it wakes, another leads.
#[tokio::test(flavor = "multi_thread")]
async fn the_leading_relay_sleeps_through_its_term() {
    let Some(turn) = Turn::begin("the leading relay sleeps through its term").await else {
        return;
    };
    let cluster = &turn.stage.cluster;
    for _ in 0..rounds() {
        let leader = cluster.leading_relay().await;
        let what = "SIGSTOP of the leading relay past its term";
        under_load(cluster, what, async |_| {
            cluster.pause(leader);
            assert_ne!(cluster.leading_relay().await, leader);
            cluster.resume(leader);
        })
        .await;
    }
    turn.end();
}
