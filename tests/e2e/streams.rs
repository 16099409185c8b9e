//! The live map: server-sent events that resume.

use std::time::Duration;

use crate::harness::{Fan, Sale, TestApp, Watcher, both_ways};

both_ways!(watchers_see_each_change_and_resume);

async fn watchers_see_each_change_and_resume(app: TestApp) {
    let sale = Sale::open(&app).await;
    app.get_at(&sale.path("/seats/status"), "", &sale.position)
        .await
        .expect(200);
    let path = sale.path("/seats/stream");
    let mut watcher = Watcher::open(&app, &path, None).await;
    let snapshot = watcher.next().await.unwrap();
    assert_eq!(snapshot.event, "snapshot");
    let first = sale.hold(&app, &Fan::new(&app), &["A-1-1"]).await;
    let mut delta = watcher.next().await.unwrap();
    while delta.id < first["position"].as_u64().unwrap() {
        delta = watcher.next().await.unwrap();
    }
    assert_eq!(delta.event, "seats");
    assert!(delta.data.to_string().contains("A-1-1"), "{}", delta.data);
    drop(watcher);
    let second = sale.hold(&app, &Fan::new(&app), &["A-2-2"]).await;
    let mut resumed = Watcher::open(&app, &path, Some(delta.id)).await;
    let missed = resumed.next().await.unwrap();
    assert!(missed.id >= second["position"].as_u64().unwrap());
    assert!(
        missed.data.to_string().contains("A-2-2") || missed.event == "snapshot",
        "{missed:?}"
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_ends_open_streams() {
    let app = TestApp::start().await;
    let sale = Sale::open(&app).await;
    app.get_at(&sale.path("/seats/status"), "", &sale.position)
        .await
        .expect(200);
    let mut watcher = Watcher::open(&app, &sale.path("/seats/stream"), None).await;
    watcher.next().await.unwrap();
    let end = async { while watcher.next().await.is_some() {} };
    let begun = std::time::Instant::now();
    tokio::join!(app.finish(), end);
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "the streams held the shutdown up for {:?}",
        begun.elapsed()
    );
}
