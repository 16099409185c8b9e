//! Seals over a log on both adapters: what is sealed can be proven, and whatever is done to it behind the program's back is found.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{path::PathBuf, slice, sync::Arc, time::Instant};

use audit::seals::{
    check::{Report, check},
    copies::{Copies, HEADS_FILE},
    note::{self, SEALING_KEY_FILE, SealingKey},
    proof::{self, Error, Invalid, prove, prove_consistency, verify, verify_consistency},
    sealer::{self, Sealer},
};
use chrono::{DateTime, TimeDelta, Utc};
use event_store::{
    EventLog, PostgresEventLog, SqliteEventLog, StreamId,
    clock::ManualClock,
    log::{Append, NewEvent, StreamAppend, postgres, sqlite},
    seals::{
        self, Seal, SealedHead, Seals,
        merkle::{Edge, event_hash, leaf_hash},
    },
    timers::WakeAt,
};
use sqlx::{Connection, PgConnection, SqliteConnection};
use uuid::Uuid;

/// A log, its sealer, and a folder that goes away.
struct World {
    folder: PathBuf,
    url: String,
    log: Arc<dyn EventLog>,
    seals: Arc<dyn Seals>,
    sealer: Sealer,
    streams: u64,
    _database: Option<servers::Database>,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl World {
    async fn sqlite() -> Self {
        let folder = new_folder();
        let path = folder.join("log.db");
        let log = SqliteEventLog::open(&path, sqlite::Options::default()).await;
        let url = format!("sqlite:{}", path.display());
        Self::new(folder, url, Arc::new(log.unwrap()), None).await
    }

    async fn postgres(name: &str) -> Option<Self> {
        let database = servers::log_database(name).await?;
        let url = database.url.clone();
        let log = PostgresEventLog::open(&url, postgres::Options::default()).await;
        Some(Self::new(new_folder(), url, Arc::new(log.unwrap()), Some(database)).await)
    }

    /// One on each adapter that there is.
    async fn all(name: &str) -> Vec<Self> {
        let mut worlds = vec![Self::sqlite().await];
        worlds.extend(Self::postgres(name).await);
        worlds
    }

    async fn new(
        folder: PathBuf,
        url: String,
        log: Arc<dyn EventLog>,
        database: Option<servers::Database>,
    ) -> Self {
        let seals = seals::open(&url, postgres::Options::default())
            .await
            .unwrap();
        let key = SealingKey::open(&folder.join(SEALING_KEY_FILE), "example.org/log").unwrap();
        let sealer = Sealer {
            log: log.clone(),
            seals: seals.clone(),
            key: Arc::new(key),
            replaced: Vec::new(),
            copies: Copies::new(folder.join(HEADS_FILE)),
            clock: Arc::new(ManualClock::new(start())),
        };
        Self {
            folder,
            url,
            log,
            seals,
            sealer,
            streams: 0,
            _database: database,
        }
    }

    /// Appends so many events, each of a stream of its own, and seals them.
    async fn grow(&mut self, events: u64) -> SealedHead {
        let appends = (0..events).map(|_| {
            self.streams += 1;
            append(self.streams)
        });
        let appends: Vec<_> = appends.collect();
        for batch in appends.chunks(200) {
            self.log.append(batch.to_vec()).await.unwrap();
        }
        self.sealer.everything(|_, _| {}).await.unwrap().unwrap()
    }

    async fn check(&self) -> Report {
        let keys = [self.sealer.key.verification().clone()];
        let copies = self.sealer.copies.read().unwrap();
        let checked = check(&*self.log, &*self.seals, &keys, &copies, |_, _| {});
        checked.await.unwrap()
    }

    /// What someone with the database's password does.
    async fn tamper(&self, sql: &str) {
        if self.url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        } else {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }
}

fn new_folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(Uuid::now_v7().to_string());
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn start() -> DateTime<Utc> {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

fn append(number: u64) -> Append {
    let (high, low) = (number << 16, u128::from(number));
    let command_id = Uuid::from_u128(low | 1 << 96);
    Append {
        streams: vec![StreamAppend {
            stream: StreamId::new("payment", Uuid::from_u128(low).to_string()),
            expected_version: 0,
            routing_key: format!("key-{number}"),
            events: vec![NewEvent {
                event_id: Uuid::from_u128(u128::from(high) | 1 << 97),
                command_id,
                event_type: "Thing".to_owned(),
                event_version: "1".to_owned(),
                payload: format!(r#"{{"Thing":{{"n": {number},  "ä":"ö"}}}}"#),
                metadata: r#"{"a":"b"}"#.into(),
            }],
            wake_at: WakeAt::Keep,
        }],
        commands: Vec::new(),
        claims: Vec::new(),
        recorded_at: start() + TimeDelta::microseconds(i64::try_from(number).unwrap()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_sealed_on_by_its_own_key_or_one_that_replaces_it() {
    for mut world in World::all("another sealing key").await {
        world.grow(3).await;
        let old = world.sealer.key.verification().clone();
        let other = world.folder.join("another.pem");
        let other = SealingKey::open(&other, "example.org/log").unwrap();
        world.sealer.key = Arc::new(other);
        world.log.append(vec![append(1_000)]).await.unwrap();
        let refused = world.sealer.round().await;
        assert!(
            matches!(refused, Err(sealer::Error::OtherKey { .. })),
            "{refused:?}"
        );
        assert_eq!(world.seals.newest().await.unwrap().unwrap().size, 3);

        world.sealer.replaced = vec![old];
        assert_eq!(world.sealer.round().await.unwrap().unwrap().size, 4);
        // And the next one is on top of its own.
        world.sealer.replaced.clear();
        world.log.append(vec![append(1_001)]).await.unwrap();
        assert_eq!(world.sealer.round().await.unwrap().unwrap().size, 5);
    }
}

#[tokio::test]
async fn every_event_can_be_proven_and_heads_follow_each_other() {
    for mut world in World::all("proofs").await {
        let first = world.grow(300).await;
        let second = world.grow(401).await;
        assert_eq!((first.size, second.size), (300, 701));
        let key = world.sealer.key.verification();
        for position in [1, 2, 256, 257, 300, 301, 700, 701] {
            let proof = prove(&*world.log, &*world.seals, key, position)
                .await
                .unwrap();
            let head = verify(&proof, slice::from_ref(key)).unwrap();
            assert_eq!((head.size, head.root), (701, second.root));
            // What is written and read again is the same proof.
            let text = serde_json::to_string(&proof).unwrap();
            assert_eq!(
                serde_json::from_str::<proof::InclusionProof>(&text).unwrap(),
                proof
            );
        }
        let older = note::open(&first.note, slice::from_ref(key)).unwrap();
        let newer = note::open(&second.note, slice::from_ref(key)).unwrap();
        let proof = prove_consistency(&*world.seals, 300, 701).await.unwrap();
        assert!(verify_consistency(&proof, &older, &newer).unwrap());
        assert!(!verify_consistency(&proof, &newer, &older).unwrap());
        assert_eq!(proof.checkpoint, Some(second.note));
        let report = world.check().await;
        assert!(report.is_clean(), "{report}");
        assert_eq!((report.sealed, report.heads, report.copies), (701, 2, 2));
    }
}

#[tokio::test]
async fn a_proof_of_anything_else_does_not_hold() {
    let mut world = World::sqlite().await;
    world.grow(50).await;
    let key = world.sealer.key.verification().clone();
    let proof = prove(&*world.log, &*world.seals, &key, 7).await.unwrap();
    verify(&proof, slice::from_ref(&key)).unwrap();
    let changed = |change: fn(&mut proof::InclusionProof)| {
        let mut proof = proof.clone();
        change(&mut proof);
        verify(&proof, slice::from_ref(&key)).unwrap_err()
    };
    // Each column counts.
    for change in [
        (|p| p.event.position += 1) as fn(&mut proof::InclusionProof),
        |p| p.event.shard += 1,
        |p| p.event.epoch += 1,
        |p| p.event.aggregate_type.push('x'),
        |p| p.event.aggregate_id.push('x'),
        |p| p.event.sequence += 1,
        |p| p.event.event_id = Uuid::nil(),
        |p| p.event.command_id = Uuid::nil(),
        |p| p.event.routing_key.push('x'),
        |p| p.event.event_type.push('x'),
        |p| p.event.event_version.push('x'),
        |p| p.event.payload = p.event.payload.replace("  ", " "),
        |p| p.event.metadata.push(' '),
        |p| p.event.recorded_at = p.event.recorded_at.replace("12:00", "12:01"),
        |p| p.index += 1,
    ] {
        assert!(matches!(changed(change), Invalid::OtherEvent(_)));
    }
    assert_eq!(changed(|p| drop(p.hashes.pop())), Invalid::OtherRoot(7));
    assert_eq!(changed(|p| p.hashes.swap(0, 1)), Invalid::OtherRoot(7));
    assert_eq!(
        changed(|p| p.hashes[0] = "x".to_owned()),
        Invalid::Malformed("hashes")
    );
    let other = changed(|p| p.checkpoint = p.checkpoint.replace("\n50\n", "\n51\n"));
    assert!(matches!(other, Invalid::Note(_)));
    assert!(matches!(changed(|p| p.format.clear()), Invalid::Format(_)));
    let missing = prove(&*world.log, &*world.seals, &key, 51)
        .await
        .unwrap_err();
    assert!(matches!(missing, Error::NoEvent(51)));
    world.log.append(vec![append(51)]).await.unwrap();
    let early = prove(&*world.log, &*world.seals, &key, 51)
        .await
        .unwrap_err();
    assert!(matches!(
        early,
        Error::NotSealed {
            position: 51,
            sealed: 50
        }
    ));
}

/// Each way to falsify the log, and the positions that are found: those of the first finding.
#[tokio::test]
async fn what_is_done_behind_the_programs_back_is_located() {
    let falsified: [(&str, &str, (u64, u64)); 9] = [
        (
            "changed",
            "UPDATE events SET payload = '{\"Thing\":{\"n\": 0}}' WHERE position = 290",
            (290, 290),
        ),
        (
            "a space less",
            "UPDATE events SET payload = '{\"Thing\":{\"n\": 290, \"ä\":\"ö\"}}' WHERE position = 290",
            (290, 290),
        ),
        ("removed", "DELETE FROM events WHERE position = 17", (17, 17)),
        ("removed from the end", "DELETE FROM events WHERE position = 600", (600, 600)),
        (
            "swapped",
            "UPDATE events SET position = -1 WHERE position = 40;
             UPDATE events SET position = 40 WHERE position = 41;
             UPDATE events SET position = 41 WHERE position = -1",
            (40, 40),
        ),
        (
            "put in between",
            "UPDATE events SET position = -position - 1 WHERE position >= 599;
             UPDATE events SET position = -position WHERE position < 0;
             INSERT INTO events SELECT aggregate_type, 'stranger', sequence, event_type, event_version, payload, metadata, 599, shard,
                 epoch, command_id, command_id, routing_key, recorded_at FROM events WHERE position = 1",
            (599, 599),
        ),
        (
            "put before the first",
            "INSERT INTO events SELECT aggregate_type, 'stranger', sequence, event_type, event_version, payload, metadata, 0, shard,
                 epoch, command_id, command_id, routing_key, recorded_at FROM events WHERE position = 1",
            (0, 0),
        ),
        (
            "another time",
            "UPDATE events SET recorded_at = '2026-06-01T12:00:01.000000Z' WHERE position = 3",
            (3, 3),
        ),
        ("the log's end and its heads", "DELETE FROM events WHERE position > 300; DELETE FROM seal_heads WHERE size > 300;
            UPDATE seal_state SET size = 300; UPDATE log_head SET next_position = 301", (600, 600)),
    ];
    for (what, sql, found) in falsified {
        for mut world in World::all("falsified").await {
            world.grow(300).await;
            world.grow(300).await;
            assert!(world.check().await.is_clean());
            world.tamper(sql).await;
            let report = world.check().await;
            let first = report.findings.first().unwrap();
            assert_eq!((first.from, first.to), found, "{what}: {report}");
        }
    }
}

#[tokio::test]
async fn who_changes_the_tree_too_is_found_by_the_head() {
    let mut world = World::sqlite().await;
    world.grow(300).await;
    world.grow(300).await;
    world.grow(300).await;
    world
        .tamper("UPDATE events SET routing_key = 'other' WHERE position = 450")
        .await;
    // The falsifier hashes the event again, and puts the hash into the tree.
    let events = world
        .log
        .read_all(event_store::Position(449), 1)
        .await
        .unwrap();
    let place = 449 - 256;
    let hash = hex::encode(event_hash(&events[0]));
    world
        .tamper(&format!(
            "UPDATE seal_tiles SET hashes = substr(hashes, 1, {}) || x'{hash}' || substr(hashes, {}) WHERE level = 0 AND place = 1",
            place * 32,
            place * 32 + 33,
        ))
        .await;
    let report = world.check().await;
    let first = report.findings.first().unwrap();
    assert_eq!((first.from, first.to), (301, 600), "{report}");

    // The tree alone: the events are still proven by the head.
    let mut world = World::sqlite().await;
    world.grow(300).await;
    world
        .tamper(
            "UPDATE seal_tiles SET hashes = zeroblob(length(hashes)) WHERE level = 0 AND place = 0",
        )
        .await;
    let report = world.check().await;
    assert!(
        report.findings[0]
            .detail
            .contains("the events are those that were sealed"),
        "{report}"
    );
}

#[tokio::test]
async fn heads_that_are_not_signed_or_not_copied_are_found() {
    let mut world = World::sqlite().await;
    world.grow(10).await;
    let other = World::sqlite().await;
    let root = leaf_hash(b"x");
    let forged = other.sealer.key.sign(10, root);
    world
        .tamper(&format!("UPDATE seal_heads SET note = '{forged}'"))
        .await;
    let report = world.check().await;
    assert!(
        report.findings[0].detail.contains("no valid signature"),
        "{report}"
    );
    // Nothing is put on top of a head that another has signed, nor of a tree that is not its head's.
    world.log.append(vec![append(11)]).await.unwrap();
    let unsigned = world.sealer.round().await.unwrap_err();
    assert!(matches!(unsigned, sealer::Error::OtherKey { .. }));
    let signed = world.sealer.key.sign(10, root);
    let root = hex::encode(root);
    world
        .tamper(&format!(
            "UPDATE seal_heads SET root = x'{root}', note = '{signed}'"
        ))
        .await;
    let damaged = world.sealer.round().await.unwrap_err();
    assert!(matches!(damaged, sealer::Error::Damaged { size: 10, .. }));
}

#[tokio::test]
async fn two_sealers_at_once_make_one_tree() {
    for mut world in World::all("two sealers").await {
        world.grow(100).await;
        for number in 101..=140 {
            world.log.append(vec![append(number)]).await.unwrap();
            let (one, two) = tokio::join!(world.sealer.round(), world.sealer.round());
            one.unwrap();
            two.unwrap();
        }
        world.streams = 140;
        assert_eq!(world.grow(1).await.size, 141);
        let report = world.check().await;
        assert!(report.is_clean(), "{report}");
    }
}

/// Two million events: only the tree is made, and one event, which is what a proof reads.
#[tokio::test]
async fn a_proof_from_a_large_log_takes_milliseconds() {
    const SIZE: u64 = 2_000_000;
    let mut world = World::sqlite().await;
    let head = world.grow(1).await;
    let event = world
        .log
        .read_all(event_store::Position(0), 1)
        .await
        .unwrap()
        .remove(0);
    let mut edge = Edge::default();
    edge.push(event_hash(&event));
    while edge.size() < SIZE {
        edge.push(leaf_hash(&edge.size().to_be_bytes()));
    }
    let (size, root) = (edge.size(), edge.root());
    let grown = Seal {
        on: head.size,
        head: SealedHead {
            size,
            root,
            note: world.sealer.key.sign(size, root),
            sealed_at: start(),
        },
        tiles: edge.take_changed(),
    };
    assert!(world.seals.seal(grown).await.unwrap());
    let key = world.sealer.key.verification();
    let mut fastest = u128::MAX;
    for _ in 0..5 {
        let began = Instant::now();
        let proof = prove(&*world.log, &*world.seals, key, 1).await.unwrap();
        fastest = fastest.min(began.elapsed().as_micros());
        assert_eq!(verify(&proof, slice::from_ref(key)).unwrap().size, SIZE);
    }
    println!("a proof in a log of {SIZE} events takes {fastest} us");
    assert!(fastest < 50_000, "{fastest} us");
}

/// What docs/auditing-proofs.md checks by hand.
#[test]
fn the_proof_of_the_manual_holds() {
    let text = include_str!("../../docs/proof-example.json");
    let proof: proof::InclusionProof = serde_json::from_str(text).unwrap();
    let key = proof.verification_key.parse().unwrap();
    let head = verify(&proof, &[key]).unwrap();
    assert!(head.size > 100);
    assert_eq!(proof.event.event_type, "ReservationConfirmed");
}
