//! On a real broker: what others write is carried out, once each, or comes back with the reason.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use rdkafka::{
    config::FromClientConfigAndContext,
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use tokio::{sync::watch, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Deps, Failure, Handler, Record, run};
use crate::bus::{
    Topic,
    kafka::{
        Options,
        client::{self, Context},
        tests::plain_consumer,
        topic,
    },
};

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Does what a record says: `good...`, `bad`, `broken`; `last` is done, but nobody hears of it.
#[derive(Debug, Default)]
struct Told {
    /// What was done, under the record's id, and how often it was asked for.
    done: Mutex<BTreeMap<Uuid, (String, usize)>>,
    calls: watch::Sender<usize>,
    is_away: AtomicBool,
}

impl Told {
    /// Waits until it was asked so many times.
    async fn until(&self, calls: usize) {
        let mut seen = self.calls.subscribe();
        let enough = seen.wait_for(|seen| *seen >= calls);
        timeout(PATIENCE, enough)
            .await
            .expect("it is asked")
            .unwrap();
    }

    fn done(&self) -> BTreeSet<String> {
        let done = self.done.lock().unwrap();
        done.values().map(|(what, _)| what.clone()).collect()
    }
}

#[async_trait]
impl Handler for Told {
    async fn handle(&self, record: &Record) -> Result<(), Failure> {
        let what = String::from_utf8_lossy(&record.payload).into_owned();
        if self.is_away.load(Ordering::SeqCst) {
            self.calls.send_modify(|calls| *calls += 1);
            return Err(Failure::Unavailable("the log is away".to_owned()));
        }
        let result = match what.as_str() {
            "bad" => Err(Failure::refused("not_good", "it is bad")),
            "broken" => panic!("as the test demands"),
            _ => Ok(()),
        };
        if result.is_ok() {
            let mut done = self.done.lock().unwrap();
            let (_, times) = done.entry(record.id()).or_insert((what.clone(), 0));
            *times += 1;
        }
        self.calls.send_modify(|calls| *calls += 1);
        if what == "last" && !self.is_away.load(Ordering::SeqCst) && self.count("last") == 1 {
            // Durable, but the process ends before anybody hears of it.
            std::future::pending::<()>().await;
        }
        result
    }
}

impl Told {
    fn count(&self, what: &str) -> usize {
        let done = self.done.lock().unwrap();
        let of = done.values().filter(|(done, _)| done == what);
        of.map(|(_, times)| times).sum()
    }
}

/// Takes nothing, and has much to say about it.
#[derive(Debug)]
struct Refuses;

#[async_trait]
impl Handler for Refuses {
    async fn handle(&self, _: &Record) -> Result<(), Failure> {
        Err(Failure::refused("too_large", "x".repeat(1_000_000)))
    }
}

struct Rig {
    deps: Deps,
    told: Arc<Told>,
    producer: FutureProducer<Context>,
}

impl Rig {
    async fn new(test: &str) -> Option<Self> {
        let brokers = servers::apache_kafka(test)?;
        let name = format!("t-{}", Uuid::now_v7().simple());
        let options = Options::at(
            &brokers,
            &Topic {
                name: name.clone(),
                partitions: 2,
                replication: 1,
            },
        );
        topic::ensure_one(&options, &name, 2).await.unwrap();
        let config = client::config(&options);
        let told = Arc::new(Told::default());
        Some(Self {
            deps: Deps {
                kafka: options,
                group: format!("{name}.readers"),
                topic: name,
                handler: Arc::clone(&told) as Arc<dyn Handler>,
            },
            told,
            producer: FutureProducer::from_config_and_context(&config, Context).unwrap(),
        })
    }

    /// Writes a record, of a `CloudEvent` where it has an id.
    async fn write(&self, what: &str, id: Option<&str>) {
        let mut headers = OwnedHeaders::new();
        for (key, value) in [("ce_source", Some("shop")), ("ce_id", id)] {
            if id.is_some() {
                headers = headers.insert(Header { key, value });
            }
        }
        let record = FutureRecord::to(&self.deps.topic)
            .key("anna")
            .payload(what)
            .headers(headers);
        self.producer.send(record, PATIENCE).await.unwrap();
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a killed reader is an aborted task"
    )]
    fn run(&self) -> (JoinHandle<()>, CancellationToken) {
        let stop = CancellationToken::new();
        (tokio::spawn(run(self.deps.clone(), stop.clone())), stop)
    }

    /// The next so many letters: value, code, offset.
    async fn letters(&self, count: usize) -> Vec<(String, String, String)> {
        let consumer = plain_consumer(&self.deps.kafka, &self.deps.dead_letters(), 1);
        let mut letters = Vec::new();
        while letters.len() < count {
            let message = timeout(PATIENCE, consumer.recv()).await.expect("a letter");
            let letter = Record::of(&message.unwrap().detach());
            assert_eq!(letter.key.as_deref(), Some("anna".as_bytes()));
            assert_eq!(letter.header("dead_topic"), Some(&*self.deps.topic));
            assert_eq!(letter.header("dead_consumer"), Some(&*self.deps.group));
            letters.push((
                String::from_utf8_lossy(&letter.payload[..letter.payload.len().min(10)])
                    .into_owned(),
                letter.header("dead_code").unwrap_or_default().to_owned(),
                letter
                    .header("dead_value_bytes")
                    .unwrap_or_default()
                    .to_owned(),
            ));
        }
        letters.sort();
        letters
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_done_is_done_and_the_rest_comes_back() {
    let test = "what_can_be_done_is_done_and_the_rest_comes_back";
    let Some(rig) = Rig::new(test).await else {
        return;
    };
    for what in ["good 1", "bad", "broken", "good 2"] {
        rig.write(what, None).await;
    }
    let (running, stop) = rig.run();
    let letters = rig.letters(2).await;
    let letter =
        |what: &str, code: &str| (what.to_owned(), code.to_owned(), what.len().to_string());
    assert_eq!(
        letters,
        [letter("bad", "not_good"), letter("broken", "internal")]
    );
    rig.told.until(3).await;
    assert_eq!(
        rig.told.done(),
        ["good 1", "good 2"].map(str::to_owned).into()
    );
    stop.cancel();
    running.await.unwrap();
    // What was committed does not come again.
    let (running, stop) = rig.run();
    rig.write("good 3", None).await;
    rig.told.until(4).await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!(rig.told.done().len(), 3);
    assert_eq!(rig.told.count("good 1"), 1);
}

/// A letter is no larger than a topic takes.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_record_comes_back_cut() {
    let Some(rig) = Rig::new("a_large_record_comes_back_cut").await else {
        return;
    };
    let rig = Rig {
        deps: Deps {
            handler: Arc::new(Refuses),
            ..rig.deps
        },
        ..rig
    };
    rig.write(&"v".repeat(2_000_000), None).await;
    let (running, stop) = rig.run();
    let expected = ("v".repeat(10), "too_large".to_owned(), "2000000".to_owned());
    assert_eq!(rig.letters(1).await, [expected]);
    stop.cancel();
    running.await.unwrap();
}

/// A producer that is not sure sends again, under the same id; a record without one is what its place is.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_has_the_id_of_the_first() {
    let Some(rig) = Rig::new("a_copy_has_the_id_of_the_first").await else {
        return;
    };
    for (what, id) in [
        ("good 1", Some("1")),
        ("good 1", Some("1")),
        ("good 2", Some("2")),
        ("good 3", None),
        ("good 3", None),
    ] {
        rig.write(what, id).await;
    }
    let (running, stop) = rig.run();
    rig.told.until(5).await;
    stop.cancel();
    running.await.unwrap();
    let done = rig.told.done.lock().unwrap();
    let mut done: Vec<_> = done.values().cloned().collect();
    done.sort();
    let once = |what: &str| (what.to_owned(), 1);
    assert_eq!(
        done,
        [
            ("good 1".to_owned(), 2),
            once("good 2"),
            once("good 3"),
            once("good 3")
        ]
    );
}

/// Between the outcome and the commit: the record comes again, with the same id.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_killed_before_it_commits_changes_nothing() {
    let test = "a_reader_that_is_killed_before_it_commits_changes_nothing";
    let Some(rig) = Rig::new(test).await else {
        return;
    };
    rig.write("good", None).await;
    rig.write("last", None).await;
    let (running, _) = rig.run();
    rig.told.until(2).await;
    running.abort();
    running.await.unwrap_err();
    let (running, stop) = rig.run();
    rig.told.until(3).await;
    // It may be in one batch with the one before it, or not.
    let mut calls = rig.told.calls.subscribe();
    let again = calls.wait_for(|_| rig.told.count("last") == 2);
    timeout(PATIENCE, again)
        .await
        .expect("it comes again")
        .unwrap();
    stop.cancel();
    running.await.unwrap();
    assert_eq!(rig.told.done(), ["good", "last"].map(str::to_owned).into());
}

/// The log is away for longer than a batch may take: nothing is lost, nothing is put aside.
#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_done_yet_waits() {
    let Some(rig) = Rig::new("what_can_not_be_done_yet_waits").await else {
        return;
    };
    rig.told.is_away.store(true, Ordering::SeqCst);
    rig.write("good 1", None).await;
    let (running, stop) = rig.run();
    // Five tries take longer than a batch that is not paused: 0.1 + 0.2 + 0.4 + 0.8 s.
    rig.told.until(5).await;
    for what in ["good 2", "good 3"] {
        rig.write(what, None).await;
    }
    rig.told.is_away.store(false, Ordering::SeqCst);
    let mut calls = rig.told.calls.subscribe();
    let all = calls.wait_for(|_| rig.told.done().len() == 3);
    timeout(PATIENCE, all)
        .await
        .expect("all of it is done")
        .unwrap();
    stop.cancel();
    running.await.unwrap();
    assert_eq!(rig.told.count("good 1"), 1);

    // A reader that is told to end while it waits leaves the record to the next.
    rig.told.is_away.store(true, Ordering::SeqCst);
    let before = *rig.told.calls.borrow();
    rig.write("good 4", None).await;
    let (running, stop) = rig.run();
    rig.told.until(before + 1).await;
    stop.cancel();
    timeout(PATIENCE, running).await.expect("it ends").unwrap();
    rig.told.is_away.store(false, Ordering::SeqCst);
    let (running, stop) = rig.run();
    let mut calls = rig.told.calls.subscribe();
    let done = calls.wait_for(|_| rig.told.count("good 4") == 1);
    timeout(PATIENCE, done).await.expect("it is done").unwrap();
    stop.cancel();
    running.await.unwrap();
}
