//! Another log is taken over as it is.

use event_store::{
    SqliteEventLog,
    log::{
        Error,
        conformance::sample::time,
        postgres::{Access, PostgresImport},
        sqlite,
    },
    timers::WakeAt,
};

use super::*;

/// An embedded log in a folder that goes with it.
struct Source {
    log: SqliteEventLog,
    folder: std::path::PathBuf,
}

impl Source {
    /// With two streams of several events, claims, a timer and pruned commands.
    async fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("frontrow-import-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("log.db");
        let log = SqliteEventLog::open(&path, sqlite::Options::default())
            .await
            .unwrap();
        for n in 0..5 {
            let own = stream("own");
            log.append(vec![one(n, &own, n)]).await.unwrap();
        }
        log.prune_commands(time(2)).await.unwrap();
        let other = stream("other");
        let rich = Draft::new(9)
            .events(&other, 0, 3)
            .wake(WakeAt::At(time(100)))
            .set("k", &other);
        log.append(vec![rich.done()]).await.unwrap();
        Self { log, folder }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn copy_tables(source: &SqliteEventLog, import: &PostgresImport) {
    let heads = source.list_stream_heads(None, usize::MAX).await.unwrap();
    import.stream_heads(&heads).await.unwrap();
    let claims = source.list_claims(None, usize::MAX).await.unwrap();
    import.claims(&claims).await.unwrap();
    let commands = source.list_commands(None, usize::MAX).await.unwrap();
    import.commands(&commands).await.unwrap();
}

#[tokio::test]
async fn another_log_is_taken_over_as_it_is_even_in_two_goes() {
    let Some(database) = servers::log_database("taking over a log").await else {
        return;
    };
    let source = Source::new().await;
    let events = source.log.read_all(Position(0), usize::MAX).await.unwrap();
    let import = PostgresImport::open(&database.url).await.unwrap();
    assert_eq!(import.begin().await.unwrap(), Position(0));
    import.events(&events[..3]).await.unwrap();
    copy_tables(&source.log, &import).await;
    // What does not follow is refused, and so is whoever would append meanwhile.
    for wrong in [&events[..3], &events[4..]] {
        let refused = import.events(wrong).await;
        assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    }
    let early = PostgresEventLog::open(&database.url, Options::default()).await;
    assert!(matches!(early, Err(Error::Refused(text)) if text.contains("history diverged")));

    let import = PostgresImport::open(&database.url).await.unwrap();
    assert_eq!(import.begin().await.unwrap(), Position(3));
    import.events(&events[3..]).await.unwrap();
    copy_tables(&source.log, &import).await;
    let reading = Options {
        access: Access::ReadOnly,
        ..Options::default()
    };
    let copy = PostgresEventLog::open(&database.url, reading)
        .await
        .unwrap();
    assert_eq!(
        copy.read_all(Position(0), usize::MAX).await.unwrap(),
        events
    );
    import
        .finish(source.log.pruned_until().await.unwrap())
        .await
        .unwrap();

    let log = open(&database).await;
    assert_same(&source.log, &*log).await;
    let outcome = log.append(vec![one(20, &stream("own"), 5)]).await.unwrap();
    let at = Position(events.len() as u64 + 1);
    assert_eq!(
        outcome,
        [Outcome::Committed {
            first: at,
            last: at
        }]
    );
    let again = import.begin().await;
    assert!(matches!(again, Err(Error::Refused(text)) if text.contains("of its own")));
}

async fn assert_same(source: &dyn EventLog, copy: &dyn EventLog) {
    let (all, end) = (usize::MAX, Position(0));
    assert_eq!(
        source.read_all(end, all).await.unwrap(),
        copy.read_all(end, all).await.unwrap()
    );
    let heads = source.list_stream_heads(None, all).await.unwrap();
    assert_eq!(heads, copy.list_stream_heads(None, all).await.unwrap());
    let claims = source.list_claims(None, all).await.unwrap();
    assert_eq!(claims, copy.list_claims(None, all).await.unwrap());
    let commands = source.list_commands(None, all).await.unwrap();
    assert!(commands.len() < 6, "some were pruned");
    assert_eq!(commands, copy.list_commands(None, all).await.unwrap());
    assert_eq!(
        source.pruned_until().await.unwrap(),
        copy.pruned_until().await.unwrap()
    );
}
