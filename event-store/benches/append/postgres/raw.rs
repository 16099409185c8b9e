//! What the log is measured against: the same rows in the same tables, inserted from arrays, each statement a transaction, on one
//! connection. Nothing is checked and nobody is answered.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use event_store::{claims::ClaimChange, log::Append};
use sqlx::{Connection, PgConnection, query::Query};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::workload::{Caller, Workload};

/// Callers whose appends make the batches.
const CALLERS: usize = 1_024;

/// What is inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    /// The rows of `events` alone.
    Events,
    /// Those of commands, claims and stream heads too.
    All,
}

/// The rows of one transaction, by column.
#[derive(Debug, Default)]
struct Batch {
    text: [Vec<String>; 7],
    sequences: Vec<i64>,
    events: Vec<Uuid>,
    commands: Vec<Uuid>,
    times: Vec<DateTime<Utc>>,
    command_ids: Vec<Uuid>,
    fingerprints: Vec<Vec<u8>>,
    spans: [Vec<i64>; 2],
    claims: [Vec<String>; 4],
    heads: [Vec<String>; 2],
    head_numbers: [Vec<i64>; 2],
    head_times: Vec<DateTime<Utc>>,
}

impl Batch {
    fn rows(&self) -> usize {
        self.sequences.len()
    }

    fn add(&mut self, append: Append) {
        let before = i64::try_from(self.rows()).unwrap();
        for command in append.commands {
            let first = before + i64::try_from(command.first_event).unwrap() + 1;
            self.command_ids.push(command.command_id);
            self.fingerprints.push(command.fingerprint.0);
            self.spans[0].push(first);
            self.spans[1].push(first + i64::try_from(command.events).unwrap() - 1);
        }
        for claim in append.claims {
            let (ClaimChange::Set {
                namespace,
                key,
                stream,
            }
            | ClaimChange::Release {
                namespace,
                key,
                stream,
            }) = claim;
            let kind = stream.aggregate_type.to_string();
            let values = [namespace, key, kind, stream.aggregate_id.to_string()];
            self.claims
                .iter_mut()
                .zip(values)
                .for_each(|(column, value)| column.push(value));
        }
        for part in append.streams {
            let id =
                [part.stream.aggregate_type, part.stream.aggregate_id].map(|id| id.to_string());
            let mut sequence = i64::try_from(part.expected_version).unwrap();
            for event in part.events {
                sequence += 1;
                let values = [
                    id[0].clone(),
                    id[1].clone(),
                    event.event_type,
                    event.event_version,
                    event.payload,
                    event.metadata.to_string(),
                    part.routing_key.clone(),
                ];
                self.text
                    .iter_mut()
                    .zip(values)
                    .for_each(|(column, value)| column.push(value));
                self.sequences.push(sequence);
                self.events.push(event.event_id);
                self.commands.push(event.command_id);
                self.times.push(append.recorded_at);
            }
            let [kind, id] = id;
            self.heads[0].push(kind);
            self.heads[1].push(id);
            self.head_numbers[0].push(sequence);
            self.head_numbers[1].push(i64::try_from(self.sequences.len()).unwrap());
            self.head_times.push(append.recorded_at);
        }
    }
}

/// Inserts batches of about `mean` events into the log's own tables at `url` for `span`; how many events were stored per second.
pub(crate) async fn events_per_second(url: &str, rows: Rows, mean: f64, span: Duration) -> f64 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    // The next batches are made while one is stored.
    let (queue, mut batches) = mpsc::channel(4);
    let tasks = TaskTracker::new();
    tasks.spawn(async move {
        let mut callers: Vec<_> = (0..CALLERS).map(|_| Caller::new(Workload::MIXED)).collect();
        let (mut turn, mut asked, mut made) = (0, 0.0, 0_u32);
        loop {
            let mut batch = Batch::default();
            asked += mean;
            while f64::from(made) < asked {
                let caller = &mut callers[turn % CALLERS];
                turn += 1;
                let before = batch.rows();
                batch.add(caller.next());
                caller.stored();
                made += u32::try_from(batch.rows() - before).unwrap();
            }
            if batch.rows() > 0 && queue.send(batch).await.is_err() {
                return;
            }
        }
    });
    let (mut position, begun) = (0_u32, Instant::now());
    while begun.elapsed() < span {
        let batch = batches.recv().await.unwrap();
        let count = u32::try_from(batch.rows()).unwrap();
        insert(&mut connection, rows, i64::from(position), batch).await;
        position += count;
    }
    let rate = f64::from(position) / begun.elapsed().as_secs_f64();
    drop(batches);
    connection.close().await.unwrap();
    rate
}

async fn insert(connection: &mut PgConnection, rows: Rows, before: i64, batch: Batch) {
    let sql = match rows {
        Rows::Events => include_str!("raw_events.sql"),
        Rows::All => include_str!("raw_all.sql"),
    };
    let [kind, id, name, version, payload, metadata, key] = &batch.text;
    let query = sqlx::query(sql)
        .bind(before)
        .bind(kind)
        .bind(id)
        .bind(&batch.sequences)
        .bind(name)
        .bind(version)
        .bind(payload)
        .bind(metadata)
        .bind(&batch.events)
        .bind(&batch.commands)
        .bind(key)
        .bind(&batch.times);
    let query = match rows {
        Rows::Events => query,
        Rows::All => {
            let query = query.bind(&batch.command_ids).bind(&batch.fingerprints);
            let query = batch.spans.iter().fold(query, Query::bind);
            let query = batch.claims.iter().fold(query, Query::bind);
            let query = batch.heads.iter().fold(query, Query::bind);
            let numbers = batch.head_numbers.iter();
            numbers.fold(query, Query::bind).bind(&batch.head_times)
        }
    };
    query.execute(connection).await.unwrap();
}
