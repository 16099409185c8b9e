//! Tests on a real primary and its replicas.

use std::{ops::Deref, sync::Arc, time::Duration};

use servers::{Options, Postgres, StandbyOptions};
use tokio::time::timeout;

use super::{Replicated, ServerRole, replicated, view::View};
use crate::{
    Access, Checkpoint, Error, ProjectionId, ReadModel, Versions, Write,
    conformance::{self, sample},
};

const POINTS: ProjectionId = ProjectionId::Points;
const POSITION_OF_POINTS: &str = "SELECT coalesce(min(position), 0)::bigint FROM read_model.checkpoints WHERE projection = 'points'";
/// How long a server may take to come to be seen in another state.
const PATIENCE: Duration = Duration::from_mins(1);

/// A primary and two replicas, and the read model on them.
struct Trio {
    primary: Postgres,
    replicas: [Postgres; 2],
    model: Arc<Replicated>,
}

async fn trio(test: &str) -> Option<Trio> {
    let primary = Postgres::start(test, Options::default()).await?;
    let replicas = [
        primary.standby(StandbyOptions::default()).await,
        primary.standby(StandbyOptions::default()).await,
    ];
    let model = open(&primary, &replicas).await;
    Some(Trio {
        primary,
        replicas,
        model,
    })
}

async fn open(primary: &Postgres, replicas: &[Postgres]) -> Arc<Replicated> {
    let urls: Vec<_> = replicas
        .iter()
        .map(|server| server.url("postgres"))
        .collect();
    replicated(&primary.url("postgres"), &urls, Access::ReadWrite)
        .await
        .unwrap()
}

/// Waits until the servers are seen as `wanted` says.
async fn seen(model: &Replicated, wanted: impl Fn(&View) -> bool) {
    let mut view = model.view.subscribe();
    let came = timeout(PATIENCE, view.wait_for(|view| wanted(view))).await;
    assert!(came.is_ok(), "{:?}", model.view.borrow());
}

/// Replicas first, nobody behind.
async fn all_fresh(model: &Replicated, position: u64) {
    seen(model, |view| view.order.len() == 3 && view.order[2] == 0).await;
    while stands(model).await < position {
        seen(model, |view| {
            view.states.iter().all(|s| s.lag_positions == 0)
        })
        .await;
    }
    seen(model, |view| {
        view.states.iter().all(|s| s.lag_positions == 0)
    })
    .await;
}

/// Where readers are.
async fn stands(model: &Replicated) -> u64 {
    model.account(sample::id(1)).await.unwrap().position
}

/// One more account.
fn step(from: u64, to: u64) -> Write {
    let mut write = Write {
        advance: vec![(
            sample::checkpoint(POINTS, from),
            sample::checkpoint(POINTS, to),
        )],
        ..Write::default()
    };
    let account = sample::account(to, to);
    write.rows.accounts.insert(account.customer_id, account);
    write
}

struct Store {
    model: Arc<Replicated>,
    _database: servers::Database,
}

impl Deref for Store {
    type Target = dyn ReadModel;

    fn deref(&self) -> &Self::Target {
        &*self.model
    }
}

#[tokio::test]
async fn a_primary_alone_conforms() {
    let test = "the read model on several servers conforms";
    if servers::read_model_database(test).await.is_none() {
        return;
    }
    conformance::all(async || {
        let database = servers::read_model_database(test).await.unwrap();
        let urls = format!("{0},{0}", database.url);
        Store {
            model: replicated(&urls, &[], Access::ReadWrite).await.unwrap(),
            _database: database,
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn reads_leave_a_replica_that_falls_behind_and_come_back() {
    let Some(trio) = trio("reads leave a late replica").await else {
        return;
    };
    let model = &*trio.model;
    model.write(&step(0, 5)).await.unwrap();
    all_fresh(model, 5).await;
    for replica in &trio.replicas {
        // What was seen may have been measured before the write.
        let replayed = async {
            while replica.number("postgres", POSITION_OF_POINTS).await < 5 {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, replayed).await.unwrap();
        replica
            .execute("SELECT pg_wal_replay_pause()")
            .await
            .unwrap();
    }
    model.write(&step(5, 9)).await.unwrap();
    // Late by more than readers are asked to bear: the primary comes first.
    seen(model, |view| view.order.first() == Some(&0)).await;
    assert_eq!(stands(model).await, 9);
    for late in &model.servers()[1..] {
        assert_eq!((late.role, late.lag_positions), (ServerRole::Replica, 4));
        assert!(late.lag_ms > 1_000, "{late:?}");
    }
    trio.replicas[1]
        .execute("SELECT pg_wal_replay_resume()")
        .await
        .unwrap();
    seen(model, |view| view.order == [2, 0, 1]).await;
    assert_eq!(stands(model).await, 9);
    trio.replicas[0]
        .execute("SELECT pg_wal_replay_resume()")
        .await
        .unwrap();
    all_fresh(model, 9).await;
}

#[tokio::test]
async fn a_read_is_tried_on_the_next_server_at_once() {
    let Some(mut trio) = trio("a read is tried on the next server").await else {
        return;
    };
    let model = trio.model.clone();
    model.write(&step(0, 5)).await.unwrap();
    all_fresh(&model, 5).await;
    // Each is killed while it is the one that reads go to.
    trio.replicas[0].kill();
    assert_eq!(stands(&model).await, 5);
    trio.replicas[1].kill();
    assert_eq!(stands(&model).await, 5);
    seen(&model, |view| view.order == [0]).await;
    trio.replicas[0].restart().await;
    seen(&model, |view| view.order == [1, 0]).await;
    // Without a primary reads go on, and writes say that they can't.
    trio.primary.kill();
    assert_eq!(stands(&model).await, 5);
    let refused = model.write(&step(5, 9)).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert_eq!(stands(&model).await, 5);
    seen(&model, |view| view.primary.is_none() && view.order == [1]).await;
}

#[tokio::test]
async fn writes_follow_a_promotion_and_refuse_the_old_primary() {
    let Some(mut trio) = trio("writes follow a promotion").await else {
        return;
    };
    let model = trio.model.clone();
    model.write(&step(0, 5)).await.unwrap();
    all_fresh(&model, 5).await;
    // The replica that is promoted does not get the last write.
    for detach in [
        "ALTER SYSTEM SET primary_conninfo = ''",
        "SELECT pg_reload_conf()",
    ] {
        trio.replicas[0].execute(detach).await.unwrap();
    }
    detached(&trio).await;
    model.write(&step(5, 9)).await.unwrap();
    trio.primary.kill();
    trio.replicas[0].promote().await;
    seen(&model, |view| view.primary == Some(1)).await;
    let moved = model.write(&step(9, 12)).await;
    assert!(
        matches!(moved, Err(Error::CheckpointMoved { .. })),
        "{moved:?}"
    );
    let versions = Versions::live(&model.versions().await.unwrap());
    let stands = model.checkpoints(Some(&versions)).await.unwrap();
    assert_eq!(Checkpoint::position_of(POINTS, &stands), 5);
    let keys = conformance::keys(&step(0, 9).rows);
    assert!(model.load(&versions, &keys).await.unwrap().is_empty());
    model.write(&step(5, 9)).await.unwrap();
    // The old one comes back with a history of its own.
    trio.primary.restart().await;
    seen(&model, |view| view.states[0].role == ServerRole::Outdated).await;
    model.write(&step(9, 12)).await.unwrap();
    let fresh = open(&trio.primary, &trio.replicas).await;
    assert_eq!(fresh.servers()[0].role, ServerRole::Outdated);
    assert_eq!(fresh.servers()[1].role, ServerRole::Primary);
    fresh.write(&step(12, 13)).await.unwrap();
}

/// Waits until the first replica no longer follows the primary.
async fn detached(trio: &Trio) {
    let follows = async || {
        let model = &trio.model.servers[1].model;
        let mut connection = model.connect().await.unwrap();
        let following: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_stat_wal_receiver")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        following > 0
    };
    while follows().await {
        tokio::task::yield_now().await;
    }
}
