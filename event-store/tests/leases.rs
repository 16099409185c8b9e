//! Leases: both adapters keep the port's promises, and a job is led by one.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{future::pending, sync::Arc, time::Duration};

use async_trait::async_trait;
use event_store::{
    leases::{
        self, Error, InProcessLeases, LEASE, Lease, Leases, Pace, PostgresLeases, conformance,
        lead_at,
    },
    log::{Position, postgres::Options},
};
use sqlx::{Connection, PgConnection};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

/// No wait is longer.
const BOUND: Duration = Duration::from_secs(20);

/// Leads and takes over within a test.
const PACE: Pace = Pace {
    lease: Duration::from_millis(600),
    renew: Duration::from_millis(50),
    margin: Duration::from_millis(200),
};

#[tokio::test]
async fn the_leases_of_a_process_keep_every_promise() {
    conformance::check(&InProcessLeases::default())
        .await
        .unwrap();
    let leases = leases::open("sqlite:log.db").await.unwrap();
    conformance::check(&*leases).await.unwrap();
}

#[tokio::test]
async fn the_leases_in_postgres_keep_every_promise() {
    let Some(database) = servers::log_database("leases").await else {
        return;
    };
    let leases = leases::open(&database.url).await.unwrap();
    conformance::check(&*leases).await.unwrap();
}

#[tokio::test]
async fn a_claim_with_a_warning_fails() {
    let Some(database) = servers::log_database("claim with a warning").await else {
        return;
    };
    let leases = PostgresLeases::open(&database.url, Options::default())
        .await
        .unwrap();
    let lease = leases
        .hold("relay", Uuid::now_v7(), LEASE)
        .await
        .unwrap()
        .unwrap();
    let warn = "CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE WARNING 'canceling wait for synchronous replication'; RETURN NULL; END $$;
        CREATE TRIGGER warn AFTER UPDATE ON leaders EXECUTE FUNCTION warn()";
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    sqlx::raw_sql(warn).execute(&mut connection).await.unwrap();
    let claimed = leases.claim(&lease, Position(1)).await;
    assert!(matches!(claimed, Err(Error::Unavailable(_))), "{claimed:?}");
}

#[tokio::test]
async fn an_unknown_scheme_lists_the_known_ones() {
    let error = leases::open("redis:x").await.unwrap_err();
    assert!(error.to_string().contains("sqlite:PATH"), "{error}");
}

/// What a leader's work tells.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Begun(&'static str, u64),
    Stopped(&'static str),
}

/// Somebody who leads `job` and tells of it.
struct Candidate {
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Candidate {
    fn start(
        who: &'static str,
        leases: &Arc<dyn Leases>,
        told: &mpsc::UnboundedSender<Told>,
    ) -> Self {
        let shutdown = CancellationToken::new();
        let (leases, told, stop) = (Arc::clone(leases), told.clone(), shutdown.clone());
        let task = TaskTracker::new().spawn(async move {
            let work = |lease: Lease, lost: CancellationToken| {
                let told = told.clone();
                async move {
                    told.send(Told::Begun(who, lease.term)).unwrap();
                    lost.cancelled().await;
                    told.send(Told::Stopped(who)).unwrap();
                }
            };
            lead_at(PACE, leases, "job", Uuid::now_v7(), stop, work).await;
        });
        Self { shutdown, task }
    }

    async fn stop(self) {
        self.shutdown.cancel();
        timeout(BOUND, self.task).await.unwrap().unwrap();
    }
}

async fn next(told: &mut mpsc::UnboundedReceiver<Told>) -> Told {
    timeout(BOUND, told.recv()).await.unwrap().unwrap()
}

async fn takes_over(leases: Arc<dyn Leases>) {
    let (tell, mut told) = mpsc::unbounded_channel();
    let a = Candidate::start("a", &leases, &tell);
    assert_eq!(next(&mut told).await, Told::Begun("a", 1));
    let b = Candidate::start("b", &leases, &tell);
    // The lease outlives its own length many times while it is renewed.
    let second = timeout(PACE.lease * 2, told.recv()).await;
    assert!(second.is_err(), "a second leader: {second:?}");
    a.stop().await;
    assert_eq!(next(&mut told).await, Told::Stopped("a"));
    assert_eq!(next(&mut told).await, Told::Begun("b", 2));
    // Killed: nobody gives the lease back.
    b.task.abort();
    let c = Candidate::start("c", &leases, &tell);
    assert_eq!(next(&mut told).await, Told::Begun("c", 3));
    c.stop().await;
    assert_eq!(next(&mut told).await, Told::Stopped("c"));
}

#[tokio::test]
async fn another_takes_over_in_a_process() {
    takes_over(Arc::new(InProcessLeases::default())).await;
}

#[tokio::test]
async fn another_takes_over_in_postgres() {
    let Some(database) = servers::log_database("lead").await else {
        return;
    };
    takes_over(leases::open(&database.url).await.unwrap()).await;
}

/// Leases that stop answering.
#[derive(Debug, Default)]
struct CutOff {
    inner: InProcessLeases,
    cut: CancellationToken,
}

#[async_trait]
impl Leases for CutOff {
    async fn hold(&self, name: &str, holder: Uuid, ttl: Duration) -> Result<Option<Lease>, Error> {
        if self.cut.is_cancelled() {
            return pending().await;
        }
        self.inner.hold(name, holder, ttl).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), Error> {
        self.inner.release(lease).await
    }

    async fn claim(&self, lease: &Lease, up_to: Position) -> Result<bool, Error> {
        self.inner.claim(lease, up_to).await
    }
}

#[tokio::test]
async fn a_leader_that_is_cut_off_stops_before_its_lease_is_over() {
    let cut_off = Arc::new(CutOff::default());
    let leases: Arc<dyn Leases> = cut_off.clone();
    let (tell, mut told) = mpsc::unbounded_channel();
    let a = Candidate::start("a", &leases, &tell);
    assert_eq!(next(&mut told).await, Told::Begun("a", 1));
    cut_off.cut.cancel();
    assert_eq!(next(&mut told).await, Told::Stopped("a"));
    let beside = cut_off.inner.hold("job", Uuid::now_v7(), LEASE).await;
    // It gave the lease back as soon as its work had stopped, or it is not over yet.
    assert!(beside.unwrap().is_none_or(|lease| lease.term == 2));
    a.stop().await;
}

#[tokio::test]
async fn work_that_does_not_stop_is_cut_off() {
    let cut_off = Arc::new(CutOff::default());
    let (dropped, mut gone) = mpsc::channel::<()>(1);
    let (begun, mut beginning) = mpsc::channel::<()>(1);
    let stubborn = move |_: Lease, _: CancellationToken| {
        let (dropped, begun) = (dropped.clone(), begun.clone());
        async move {
            begun.send(()).await.unwrap();
            pending::<()>().await;
            drop(dropped);
        }
    };
    let (leases, stop) = (cut_off.clone(), CancellationToken::new());
    let shutdown = stop.clone();
    let task = TaskTracker::new().spawn(async move {
        lead_at(PACE, leases, "job", Uuid::now_v7(), stop, stubborn).await;
    });
    timeout(BOUND, beginning.recv()).await.unwrap().unwrap();
    cut_off.cut.cancel();
    shutdown.cancel();
    timeout(BOUND, task).await.unwrap().unwrap();
    // Everything that the work held is gone with it.
    assert_eq!(timeout(BOUND, gone.recv()).await.unwrap(), None);
}
