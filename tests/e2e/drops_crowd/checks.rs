//! What came of everybody, from the published proof, the ledger of notifications and Kafka.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::{Duration, Instant},
};

use audit::verify_draw::{Expected, verify_draw};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::Headers,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Run, entering::Entered, stage::secret};

/// Where other programs hear of results.
const TOPIC: &str = "result-notification-topic";
/// How long a record may take to come.
const PATIENCE: Duration = Duration::from_mins(2);

/// What came of everybody.
pub(super) struct Results {
    pub(super) won: usize,
    pub(super) stock_left: usize,
    /// Those who entered, are in the proof once, and won or lost.
    pub(super) answered_once: usize,
    /// By entry.
    by_entry: HashMap<Uuid, String>,
}

impl Results {
    /// Reads the published proof, checks it as a fan does, and compares it with what those who entered were told.
    pub(super) async fn of(run: &Run, entered: &Entered, over: &Value, position: &str) -> Self {
        let proof = proof(run, position).await;
        let report = verify_draw(&proof[..], &Expected::default()).unwrap();
        assert!(report.is_clean(), "{report}");
        let proof: Value = serde_json::from_slice(&proof).unwrap();
        assert_eq!(proof["secret"], secret());
        refuses_what_was_tampered_with(&proof);
        let list = proof["list"].as_array().unwrap();
        let by_entry: HashMap<Uuid, String> = list
            .iter()
            .map(|entry| {
                let text = |n: usize| entry[n].as_str().unwrap();
                (text(0).parse().unwrap(), text(1).to_owned())
            })
            .collect();
        assert_eq!(by_entry.len(), list.len(), "each is in the list once");
        let asked: HashSet<Uuid> = entered.fans.iter().map(|fan| fan.entry).collect();
        assert_eq!(
            asked.len(),
            entered.fans.len(),
            "nobody shares another's entry"
        );
        let answered = asked.iter().filter(|entry| {
            let result = by_entry.get(entry).map(String::as_str);
            matches!(result, Some("won" | "lost"))
        });
        let number = |field: &str| usize::try_from(over[field].as_u64().unwrap()).unwrap();
        assert_eq!(
            (number("entries"), number("drawn")),
            (run.count, run.count),
            "{over}"
        );
        assert_eq!((report.entries, report.won), (run.count, number("won")));
        Self {
            won: number("won"),
            stock_left: number("stock_left"),
            answered_once: answered.count(),
            by_entry,
        }
    }

    /// Every entry was told its result once: in its customer's list, and to other programs.
    pub(super) async fn check_told(&self, run: &Run) {
        let told = |what: &str, more: &str| {
            let drop = &run.drop;
            format!(
                "SELECT {what} FROM notifications WHERE kind = 'drop.result' AND data LIKE '%{drop}%'{more}"
            )
        };
        let count = async |sql: String| run.stage.count_told(&sql).await;
        assert_eq!(count(told("count(*)", "")).await, run.count);
        let customers = told("count(DISTINCT customer_id)", "");
        assert_eq!(count(customers).await, run.count);
        let won = told("count(*)", " AND data LIKE '%\"won\"%'");
        assert_eq!(count(won).await, self.won);
        if let Some(cluster) = run.stage.cluster() {
            let (brokers, drop) = (cluster.stores().brokers.clone(), run.drop.clone());
            let count = run.count;
            let heard = tokio::task::spawn_blocking(move || heard(&brokers, &drop, count));
            assert!(
                heard.await.unwrap() == self.by_entry,
                "{TOPIC} tells another story"
            );
        }
    }
}

async fn proof(run: &Run, position: &str) -> Vec<u8> {
    let url = format!("{}/v1/drops/{}/proof", run.stage.query_url(), run.drop);
    let call = run.client.get(url).header("at-least-position", position);
    let reply = call.send().await.unwrap();
    assert_eq!(reply.status(), 200);
    reply.bytes().await.unwrap().into()
}

/// A proof that was changed is refused, whatever was changed.
/// What somebody does to a proof.
type Tampering<'a> = &'a dyn Fn(&mut Value);

fn refuses_what_was_tampered_with(proof: &Value) {
    let places = |result: &str| {
        let list = proof["list"].as_array().unwrap().iter().enumerate();
        let with: Vec<usize> = list
            .filter(|(_, entry)| entry[1] == result)
            .map(|(n, _)| n)
            .collect();
        with
    };
    let (won, lost) = (places("won"), places("lost"));
    let tampered: [(&str, Tampering<'_>); 6] = [
        ("a changed secret", &|proof| {
            proof["secret"] = json!("08".repeat(32));
        }),
        ("an added entry", &|proof| {
            let added = json!([Uuid::from_u128(7), "lost", null, "ffffffffffffffff"]);
            let entries = proof["list"].as_array_mut().unwrap();
            entries.push(added);
            proof["entries"] = json!(entries.len());
        }),
        ("a dropped entry", &|proof| {
            let entries = proof["list"].as_array_mut().unwrap();
            entries.remove(lost[0]);
            proof["entries"] = json!(entries.len());
        }),
        ("a beacon that was none", &|proof| {
            proof["beacon"] = json!({"source": "drand", "round": 1, "value": "00", "recorded_at": proof["sealed_at"]});
        }),
        ("a moved winner", &|proof| {
            let (winner, loser) = (won[0], lost[0]);
            let entries = proof["list"].as_array_mut().unwrap();
            let (result, place) = (entries[winner][1].take(), entries[winner][2].take());
            entries[winner][1] = json!("lost");
            (entries[loser][1], entries[loser][2]) = (result, place);
        }),
        ("one winner too many", &|proof| {
            proof["list"][lost[0]][1] = json!("won");
        }),
    ];
    for (what, change) in tampered {
        let mut changed = proof.clone();
        change(&mut changed);
        let changed = changed.to_string();
        let report = verify_draw(changed.as_bytes(), &Expected::default()).unwrap();
        assert!(!report.is_clean(), "{what} is accepted");
    }
}

/// What other programs hear of each entry, once; fails where they hear more than one result.
fn heard(brokers: &str, drop: &str, count: usize) -> HashMap<Uuid, String> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "another program")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    let metadata = consumer.fetch_metadata(Some(TOPIC), PATIENCE).unwrap();
    let mut from = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        let begin = Offset::Beginning;
        from.add_partition_offset(TOPIC, partition.id(), begin)
            .unwrap();
    }
    consumer.assign(&from).unwrap();
    let (mut seen, mut results) = (HashSet::new(), HashMap::new());
    let end = Instant::now() + PATIENCE;
    while results.len() < count && Instant::now() < end {
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else {
            continue;
        };
        let headers = message.headers().into_iter().flat_map(|all| all.iter());
        let headers: BTreeMap<_, _> = headers.map(|one| (one.key, one.value)).collect();
        // On every topic but the log's a record may come twice, under the same id.
        if message.key() != Some(drop.as_bytes())
            || !seen.insert(headers["ce_id"].map(<[u8]>::to_vec))
        {
            continue;
        }
        let event: Value = serde_json::from_slice(message.payload().unwrap()).unwrap();
        for (entry, result) in told_by(&event) {
            assert_eq!(results.insert(entry, result), None, "{entry} is told twice");
        }
    }
    results
}

/// The final results in a record.
fn told_by(event: &Value) -> Vec<(Uuid, String)> {
    let entries = |list: &Value, field: &str, result: &str, told: &str| {
        let list = list.as_array().into_iter().flatten();
        let with = list.filter(|entry| entry[field] == result);
        let told = with.map(|entry| {
            let id = entry["entry_id"].as_str().unwrap();
            (id.parse().unwrap(), told.to_owned())
        });
        told.collect::<Vec<_>>()
    };
    let mut told = entries(&event["EntriesDrawn"]["drawn"], "result", "lost", "lost");
    let paid = &event["WinnersSettled"]["settled"];
    told.extend(entries(paid, "outcome", "paid", "won"));
    told
}
