//! What lies between log and reader: Kafka, the read model and its replica.

use std::time::Duration;

use crate::{
    round::{rounds, under_load},
    stage::Turn,
};

/// How long a server stays away: the fault itself, not something waited for.
const AWAY: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn kafka_is_stopped_and_comes_back() {
    let Some(mut turn) = Turn::begin("Kafka is stopped and comes back").await else {
        return;
    };
    for _ in 0..rounds() {
        let (cluster, kafka) = (&turn.stage.cluster, &mut turn.stage.servers.kafka);
        under_load(cluster, "Kafka stopped for 10 s", async |_| {
            kafka.stop().await;
            tokio::time::sleep(AWAY).await;
            let relay = cluster.leading_relay().await;
            assert!(!cluster.is_ready(relay).await, "{relay} relays nothing");
            kafka.restart().await;
            cluster.until_ready(relay).await;
        })
        .await;
    }
    turn.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_stopped_and_comes_back() {
    let Some(mut turn) = Turn::begin("a replica is stopped and comes back").await else {
        return;
    };
    for _ in 0..rounds() {
        let replica = &mut turn.stage.servers.replica;
        under_load(
            &turn.stage.cluster,
            "read-model replica stopped for 10 s",
            async |_| {
                replica.stop().await;
                tokio::time::sleep(AWAY).await;
                replica.restart().await;
            },
        )
        .await;
    }
    turn.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_read_models_primary_is_killed_and_its_replica_promoted() {
    for _ in 0..rounds() {
        let test = "the read model's primary is killed and its replica promoted";
        let Some(mut turn) = Turn::begin(test).await else {
            return;
        };
        let servers = &mut turn.stage.servers;
        let what = "read-model primary killed, replica promoted";
        under_load(&turn.stage.cluster, what, async |_| {
            servers.read_model.kill();
            servers.replica.promote().await;
        })
        .await;
    }
}
