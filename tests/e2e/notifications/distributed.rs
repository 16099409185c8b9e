//! In processes of their own, on Postgres: who leads is killed between sending and writing it down, and the other goes on.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    sync::{Arc, Mutex, OnceLock, Weak},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use servers::{Cluster, Extra, Smtp};

use super::{
    email::{headers, register},
    receiver::{Behaviour, Receiver},
    sold, subscribe, told,
    webhooks::{by_id, verify},
};
use crate::harness::{Fan, Sale, TestApp};

/// Who leads first, and who takes over.
const MANAGERS: [&str; 2] = ["process-managers-1", "process-managers-2"];
/// How long everything may take to be sent: a lease and two pauses between tries are among it.
const PATIENCE: Duration = Duration::from_mins(2);
/// Sales after the kill.
const SALES: usize = 6;

/// How many deliveries are so, by the ledger itself.
async fn deliveries(cluster: &Cluster, which: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM notifications.deliveries WHERE {which}");
    cluster.count_in_log(&sql).await
}

/// Has the first process lead: it tells something while it is alone.
async fn first_leads(app: &TestApp, sale: &Sale) {
    let cluster = app.cluster();
    cluster.kill(MANAGERS[1]);
    let (fan, position) = sold(app, sale, "A-10-1").await;
    assert_eq!(told(app, &fan, &position).await.len(), 2);
    cluster.start_again(MANAGERS[1]).await;
}

async fn everything_sent(cluster: &Cluster, receiver: &Receiver, calls: usize) {
    let end = Instant::now() + PATIENCE;
    while deliveries(cluster, "state = 'pending'").await > 0
        || by_id(&receiver.calls()).len() < calls
    {
        assert!(Instant::now() < end, "{:#?}", receiver.calls());
        let more = receiver.more_than(receiver.calls().len());
        tokio::time::timeout(Duration::from_millis(150), more)
            .await
            .ok();
    }
}

/// Anna alone has an address. What was on its way when the sender died may be there twice, under one Message-ID.
async fn mailed_once(app: &TestApp, anna: &Fan, position: &Value, smtp: &Smtp) {
    let items = told(app, anna, position).await;
    assert_eq!(items.len(), 2, "{items:#?}");
    let ids: BTreeSet<_> = headers(&smtp.mails(), "message-id").into_iter().collect();
    let id = |item: &Value| item["notification_id"].as_str().unwrap().to_owned();
    let expected = items
        .iter()
        .map(|item| format!("<{}@tickets.example>", id(item)));
    assert_eq!(ids, expected.collect());
    assert!(smtp.mails().len() <= 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_told_once_and_sent_though_who_sends_is_killed() {
    let test = "notifications in processes of their own";
    let Some(smtp) = Smtp::start(test).await else {
        return;
    };
    let mut settings = "[notifications]\nwebhook_networks = [\"127.0.0.0/8\"]\nwebhook_plain_http = true\nwebhook_timeout_ms = 2000\n\
        [notifications.smtp]\nfrom = \"noreply@tickets.example\"\n"
        .to_owned();
    writeln!(settings, "url = \"{}\"", smtp.url()).unwrap();
    let extra = Extra {
        settings,
        ..Extra::default()
    };
    let Some(app) = TestApp::alone_with(test, extra).await else {
        return;
    };
    let cluster = app.cluster();
    let sale = Sale::open_with(&app, |show| show["hold_seconds"] = json!(3_600)).await;
    let anna = register(&app, "anna@example.org").await;
    first_leads(&app, &sale).await;

    // At the first call the caller is stopped where it stands: it is answered, and can't know it any more. Later ones fail once each.
    let stopped: Arc<OnceLock<Weak<Cluster>>> = Arc::default();
    let receiver = Receiver::start({
        let (stopped, tries) = (stopped.clone(), Mutex::new(BTreeMap::new()));
        move |n, call| {
            let mut tries = tries.lock().unwrap();
            let count = tries.entry(call.id().to_owned()).or_insert(0_usize);
            *count += 1;
            if let (0, Some(cluster)) = (n, stopped.get().and_then(Weak::upgrade)) {
                cluster.pause(MANAGERS[0]);
                return Behaviour::Answer(204);
            }
            match (*count, n % 4) {
                (2.., _) => Behaviour::AnswerTwice,
                (_, 0) => Behaviour::Answer(500),
                (_, 1) => Behaviour::Drop,
                (_, 2) => Behaviour::Hang,
                _ => Behaviour::Answer(200),
            }
        }
    })
    .await;
    stopped.set(Arc::downgrade(&cluster)).unwrap();
    let events = ["reservation.confirmed", "payment.completed"];
    let (_, secret) = subscribe(&app, &sale.organizer, &receiver, &events).await;
    let (_, paid) = sale.buy(&app, &anna, &["A-1-1"]).await;
    receiver.more_than(0).await;
    cluster.kill(MANAGERS[0]);
    let sent = "channel = 'webhook' AND state = 'sent'";
    assert_eq!(deliveries(&cluster, sent).await, 0);
    cluster.start_again(MANAGERS[0]).await;

    for n in 2..2 + SALES {
        sold(&app, &sale, &format!("A-{n}-1")).await;
    }
    let calls = 2 * (1 + SALES);
    everything_sent(&cluster, &receiver, calls).await;
    // Once each by its id; the one whose answer was lost with its caller came again, with the same body.
    let came = receiver.calls();
    let bodies: BTreeSet<_> = came.iter().map(|call| (call.id(), &call.body)).collect();
    assert_eq!((by_id(&came).len(), bodies.len()), (calls, calls));
    assert!(by_id(&came)[came[0].id()] >= 2, "{came:#?}");
    for call in &came {
        verify(call, &secret);
    }
    mailed_once(&app, &anna, &paid["position"], &smtp).await;
    assert_eq!(deliveries(&cluster, "state = 'dead'").await, 0);
    app.finish().await;
}
