//! What other programs find on Kafka is what the published descriptions say.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use edge::auth::Role;
use jsonschema::Validator;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::{BorrowedMessage, Headers},
    producer::{FutureProducer, FutureRecord},
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::harness::{Fan, Sale, TestApp};

/// How long a record may take to come.
const PATIENCE: Duration = Duration::from_mins(1);

/// A record as any program reads it.
struct Read {
    headers: BTreeMap<String, String>,
    value: Value,
}

/// The first record with this key that is `wanted`, from a topic's beginning: other tests write there too.
fn read(brokers: &str, topic: &str, key: &str, mut wanted: impl FnMut(&Read) -> bool) -> Read {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "another program")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
    let mut from = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        from.add_partition_offset(topic, partition.id(), Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&from).unwrap();
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100))
            && message.key() == Some(key.as_bytes())
        {
            let read = of(&message);
            if wanted(&read) {
                return read;
            }
        }
    }
    panic!("no record of {key} came to {topic}");
}

fn of(message: &BorrowedMessage<'_>) -> Read {
    let headers = message.headers().into_iter().flat_map(|all| all.iter());
    let headers = headers.map(|header| {
        let value = std::str::from_utf8(header.value.unwrap()).unwrap();
        (header.key.to_owned(), value.to_owned())
    });
    Read {
        headers: headers.collect(),
        // Some requests are no JSON, as the test demands.
        value: serde_json::from_slice(message.payload().unwrap()).unwrap_or_default(),
    }
}

fn compile(schema: &Value) -> Validator {
    let options = jsonschema::options().should_validate_formats(true);
    options.build(schema).unwrap()
}

#[track_caller]
fn assert_valid(schema: &Value, value: &Value) {
    let validator = compile(schema);
    let errors = validator.iter_errors(value);
    let errors: Vec<_> = errors.map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new(), "{value:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn others_find_what_the_schemas_say() {
    let test = "others find what the schemas say";
    let Some(app) = TestApp::distributed(test).await else {
        return;
    };
    let Some(brokers) = servers::apache_kafka(test) else {
        return;
    };
    let sale = Sale::open_with(&app, |show| show["hold_seconds"] = json!(5)).await;
    let fan = Fan::with_points(&app, 100).await;
    sale.buy(&app, &fan, &["A-1-1"]).await;
    sale.hold(&app, &Fan::new(&app), &["A-2-1"]).await;
    let queue = Sale::open_with(&app, |show| {
        show["waiting_room"] =
            json!({"admit_per_second": 1_000, "max_active": 10, "pass_seconds": 1});
    })
    .await;
    let entries = format!("/v1/waiting-room/{}/entries", queue.show);
    let enter = app.call(Method::POST, &entries, &Fan::new(&app).token, None);
    enter.send().await.expect(201);

    let described = frontrow::asyncapi::document();
    let headers = &described["components"]["schemas"]["eventHeaders"];
    for (topic, show) in [
        ("payment.completed", &sale.show),
        ("queue.expired", &queue.show),
        ("seat.expired", &sale.show),
    ] {
        let (brokers, key) = (brokers.clone(), show.clone());
        let record = spawn_blocking(move || read(&brokers, topic, &key, |_| true));
        let record = record.await.unwrap();
        let (kind, version) = (&record.headers["ce_type"], &record.headers["event_version"]);
        let messages = described["channels"][topic]["messages"].as_object();
        assert!(messages.unwrap().contains_key(kind), "{kind} on {topic}");
        assert_valid(headers, &json!(record.headers));
        let schema = app.get(&format!("/schemas/{kind}/{version}"), "").await;
        let schema = schema.expect(200);
        assert_valid(&schema, &record.value);
        // Valid for this event, and for no other.
        let erased = app.get("/schemas/frontrow.customer.CustomerErased/1", "");
        let other = compile(&erased.await.expect(200));
        assert!(!other.is_valid(&record.value), "{:#}", record.value);
    }
    app.finish().await;
}

/// By the topic, and with an answer for each record that is no good.
#[tokio::test(flavor = "multi_thread")]
async fn others_enter_their_customers_into_a_drop() {
    const TOPIC: &str = "waiting-queue-topic";
    let test = "others enter their customers into a drop";
    let Some(app) = TestApp::distributed(test).await else {
        return;
    };
    let Some(brokers) = servers::apache_kafka(test) else {
        return;
    };
    let body = json!({"title": "Signed vinyl", "stock": 3, "win_probability": "0.5", "price": 40,
        "opens_at": app.now() - TimeDelta::seconds(60), "closes_at": app.now() + TimeDelta::hours(1), "draw": "at_close"});
    let organizer = app.token(Role::Organizer, Uuid::now_v7());
    let opened = app.post("/v1/drops", &organizer, &body).send().await;
    let drop = opened.expect(201)["drop_id"].as_str().unwrap().to_owned();

    let customer = Uuid::now_v7();
    let request = |drop: &str| {
        json!({"drop_id": drop, "customer_id": customer, "idempotency_key": "k"}).to_string()
    };
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &brokers)
        .create()
        .unwrap();
    for value in [
        request(&drop),
        "let me in".to_owned(),
        request(&Uuid::now_v7().to_string()),
        " ".repeat(5_000),
        request(&drop),
    ] {
        let record = FutureRecord::to(TOPIC).key(&drop).payload(&value);
        producer.send(record, PATIENCE).await.unwrap();
    }

    let (from, key) = (brokers.clone(), drop.clone());
    let accepted = spawn_blocking(move || {
        read(&from, TOPIC, &key, |read| {
            read.headers.get("ce_type").map(String::as_str) == Some("frontrow.drop.EntriesRecorded")
        })
    });
    let accepted = accepted.await.unwrap();
    let schema = app.get("/schemas/frontrow.drop.EntriesRecorded/1", "");
    assert_valid(&schema.await.expect(200), &accepted.value);
    let entries = accepted.value["EntriesRecorded"]["entries"].as_array();
    let entered: Vec<_> = entries
        .unwrap()
        .iter()
        .map(|entry| &entry["customer_id"])
        .collect();
    assert_eq!(entered, [&json!(customer)]);

    // Each cluster of these tests reads the topic in a group of its own: others know no such drop.
    let (from, key) = (brokers.clone(), drop.clone());
    let letters = spawn_blocking(move || {
        let mut codes = BTreeSet::new();
        let wanted = ["body_too_large", "malformed_json", "not_found"].map(str::to_owned);
        read(&from, "waiting-queue-topic.dlq", &key, |read| {
            codes.insert(read.headers["dead_code"].clone());
            codes.is_superset(&BTreeSet::from(wanted.clone()))
        })
    });
    letters.await.unwrap();

    // The same key over HTTP is the same command.
    let token = app.token(Role::Customer, customer);
    let path = format!("/v1/drops/{drop}/entries");
    let again = app
        .call(Method::POST, &path, &token, None)
        .header("idempotency-key", "k");
    let again = again.send().await.expect(202);
    assert_eq!(
        again["entry_id"],
        accepted.value["EntriesRecorded"]["entries"][0]["entry_id"]
    );
    app.finish().await;
}
