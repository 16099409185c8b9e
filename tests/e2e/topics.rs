//! What other programs find on Kafka is what the published descriptions say.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use jsonschema::Validator;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::{BorrowedMessage, Headers},
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::harness::{Fan, Sale, TestApp};

/// How long a record may take to come.
const PATIENCE: Duration = Duration::from_mins(1);

/// A record as any program reads it.
struct Read {
    headers: BTreeMap<String, String>,
    value: Value,
}

/// The first record with this key, from a topic's beginning: other tests write there too.
fn read(brokers: &str, topic: &str, key: &str) -> Read {
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
            return of(&message);
        }
    }
    panic!("no record of {key} came to {topic}");
}

fn of(message: &BorrowedMessage<'_>) -> Read {
    let headers = message.headers().unwrap().iter().map(|header| {
        let value = std::str::from_utf8(header.value.unwrap()).unwrap();
        (header.key.to_owned(), value.to_owned())
    });
    Read {
        headers: headers.collect(),
        value: serde_json::from_slice(message.payload().unwrap()).unwrap(),
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
        let record = spawn_blocking(move || read(&brokers, topic, &key));
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
