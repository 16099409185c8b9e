//! Writing: the one task that owns the connection which writes. Its jobs run to their end whoever stops waiting for them.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::StreamExt;
use sqlx::{Connection, Either, Executor, SqliteConnection};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    claims::ClaimChange,
    log::{
        Append, Error, Outcome, Position, advance,
        conflicts::{self, Found},
        sqlite::{
            batch::Rows,
            connect::{self, Connect},
            read::{self, number, to_i64},
            statements::{self, Call, SIZES, Statements},
            time_text, unavailable,
        },
    },
    snapshot::Snapshot,
};

/// What the writer is asked to do, and where it answers.
#[derive(Debug)]
pub(super) enum Job {
    /// Stores a batch of valid appends.
    Append {
        batch: Vec<Append>,
        reply: oneshot::Sender<Result<Vec<Outcome>, Error>>,
    },
    /// Keeps a snapshot.
    SaveSnapshot {
        snapshot: Snapshot,
        reply: oneshot::Sender<Result<(), Error>>,
    },
    /// Forgets some old commands.
    PruneCommands {
        before: DateTime<Utc>,
        reply: oneshot::Sender<Result<Pruned, Error>>,
    },
    /// Ends the task.
    Close { reply: oneshot::Sender<()> },
}

/// What a step of pruning did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pruned {
    pub(super) forgotten: u64,
    /// Whether there may be more to forget.
    pub(super) more: bool,
}

/// Works until the log is dropped or closed.
pub(super) async fn run(
    mut jobs: mpsc::Receiver<Job>,
    connect: Connect,
    connection: SqliteConnection,
    head: watch::Sender<Position>,
) {
    let mut writer = Writer {
        connect,
        connection: Some(connection),
        statements: Arc::new(Statements::new()),
        head,
    };
    while let Some(job) = jobs.recv().await {
        // Whoever asked may be gone: then nobody wants the answer.
        match job {
            Job::Append { batch, reply } => drop(reply.send(writer.append(&batch).await)),
            Job::SaveSnapshot { snapshot, reply } => {
                drop(reply.send(writer.save_snapshot(&snapshot).await));
            }
            Job::PruneCommands { before, reply } => {
                drop(reply.send(writer.prune(before).await));
            }
            Job::Close { reply } => {
                jobs.close();
                drop(reply);
            }
        }
    }
    if let Some(connection) = writer.connection
        && let Err(error) = connection.close().await
    {
        tracing::warn!(%error, "the log's writer did not close cleanly");
    }
}

struct Writer {
    connect: Connect,
    /// None after a failure that leaves the connection's state in doubt; the next job opens another.
    connection: Option<SqliteConnection>,
    statements: Arc<Statements>,
    head: watch::Sender<Position>,
}

/// Why a transaction did not commit.
enum Failure {
    /// A row was refused; nothing is stored.
    Constraint(String),
    /// Nothing is stored.
    Nothing(Error),
    /// `COMMIT` itself failed: it may be stored, then from this position on.
    Commit(String, Option<Position>),
}

impl Writer {
    async fn append(&mut self, batch: &[Append]) -> Result<Vec<Outcome>, Error> {
        let outcomes = match self.try_whole(batch).await {
            Err(Failure::Constraint(_)) => self.try_rest(batch).await,
            other => other,
        };
        let outcomes = match outcomes {
            Ok(outcomes) => outcomes,
            Err(Failure::Nothing(error)) => return Err(error),
            Err(Failure::Constraint(why)) => return Err(Error::Corrupt(why)),
            Err(Failure::Commit(why, first)) => self.settle(batch, why, first).await?,
        };
        let last = outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Committed { last, .. } => Some(*last),
            _ => None,
        });
        if let Some(last) = last.max() {
            advance(&self.head, last);
        }
        Ok(outcomes)
    }

    /// Stores the batch as if nothing in it could conflict.
    async fn try_whole(&mut self, batch: &[Append]) -> Result<Vec<Outcome>, Failure> {
        if batch.iter().any(conflicts::repeats_a_claim) {
            return Err(Failure::Constraint("a claim changes twice".to_owned()));
        }
        let appends: Vec<&Append> = batch.iter().collect();
        let rows = Rows::of(&appends, None);
        let statements = Arc::clone(&self.statements);
        let connection = self.connection().await.map_err(Failure::Nothing)?;
        match store(connection, &statements, false, rows).await {
            Ok(first) => Ok(conflicts::committed(batch, first)),
            Err(failure) => Err(self.roll_back(failure).await),
        }
    }

    /// Finds the appends that conflict and stores the others.
    async fn try_rest(&mut self, batch: &[Append]) -> Result<Vec<Outcome>, Failure> {
        conflicts::check_disjoint(batch).map_err(Failure::Nothing)?;
        match self.find_and_store(batch).await {
            Ok(outcomes) => Ok(outcomes),
            Err(failure) => Err(self.roll_back(failure).await),
        }
    }

    async fn find_and_store(&mut self, batch: &[Append]) -> Result<Vec<Outcome>, Failure> {
        let statements = Arc::clone(&self.statements);
        let connection = self.connection().await.map_err(Failure::Nothing)?;
        run_sql(
            connection,
            include_str!("../../../sql/sqlite/begin_append.sql"),
        )
        .await?;
        let found = find(connection, batch).await.map_err(Failure::Nothing)?;
        let mut outcomes: Vec<_> = batch.iter().map(|a| found.conflict(a)).collect();
        let rest: Vec<&Append> = batch
            .iter()
            .zip(&outcomes)
            .filter_map(|(append, outcome)| outcome.is_none().then_some(append))
            .collect();
        if rest.is_empty() {
            run_sql(
                connection,
                include_str!("../../../sql/sqlite/roll_back.sql"),
            )
            .await?;
        } else {
            let rows = Rows::of(&rest, Some(&found.holders));
            let first = store(connection, &statements, true, rows).await?;
            let mut stored = conflicts::committed(rest, first).into_iter();
            for outcome in outcomes.iter_mut().filter(|o| o.is_none()) {
                *outcome = stored.next();
            }
        }
        Ok(outcomes.into_iter().flatten().collect())
    }

    /// Finds out whether a batch was stored whose `COMMIT` failed.
    ///
    /// Its pages may stand in the write-ahead log without being valid yet, and a recovery could still find them so. Another commit
    /// overwrites them: only what is there after that one is certain.
    async fn settle(
        &mut self,
        batch: &[Append],
        why: String,
        first: Option<Position>,
    ) -> Result<Vec<Outcome>, Error> {
        let unknown = || Error::Unknown(why.clone());
        let first = first.ok_or_else(unknown)?;
        let connection = self.connection().await.map_err(|_| unknown())?;
        let fence = include_str!("../../../sql/sqlite/fence_commit.sql");
        let fenced = run_sql(connection, fence).await;
        fenced.map_err(|_| unknown())?;
        let found = find(connection, batch).await.map_err(|_| unknown())?;
        let stored = |append: &Append| {
            let events = append.streams.iter().flat_map(|s| &s.events);
            let positions = events.filter_map(|e| found.events.get(&e.event_id));
            let mut positions: Vec<_> = positions.map(|(_, position)| *position).collect();
            // Before it stands what an earlier append of the same command stored.
            positions.retain(|position| *position >= first);
            let (first, last) = (*positions.iter().min()?, *positions.iter().max()?);
            Some(Outcome::Committed { first, last })
        };
        if !batch.iter().any(|append| stored(append).is_some()) {
            return Err(Error::Unavailable(why));
        }
        let outcome = |append| stored(append).or_else(|| found.conflict(append));
        let outcomes: Option<Vec<_>> = batch.iter().map(outcome).collect();
        outcomes.ok_or_else(unknown)
    }

    async fn save_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let query = sqlx::query(include_str!("../../../sql/sqlite/save_snapshot.sql"))
            .bind(snapshot.stream.aggregate_type.to_string())
            .bind(snapshot.stream.aggregate_id.to_string())
            .bind(snapshot.schema)
            .bind(to_i64(snapshot.version))
            .bind(snapshot.payload.clone());
        let connection = self.connection().await?;
        let done = query.execute(connection).await;
        done.map(drop).map_err(|e| unavailable(&e))
    }

    async fn prune(&mut self, before: DateTime<Utc>) -> Result<Pruned, Error> {
        let connection = self.connection().await?;
        let pruned = prune(connection, before).await;
        // A transaction that SQLite ended itself goes on for sqlx: the connection is closed, as after an append that failed.
        if pruned.is_err()
            && let Some(connection) = self.connection.take()
        {
            drop(connection.close().await);
        }
        pruned.map_err(|e| unavailable(&e))
    }

    async fn connection(&mut self) -> Result<&mut SqliteConnection, Error> {
        if self.connection.is_none() {
            self.connection = Some(self.connect.open_writer().await?);
        }
        Ok(self.connection.as_mut().expect("was just filled"))
    }

    /// Ends a transaction that failed. What fails other than by a refused row leaves the connection in doubt: it is closed, which
    /// rolls back too.
    async fn roll_back(&mut self, failure: Failure) -> Failure {
        let roll_back = include_str!("../../../sql/sqlite/roll_back.sql");
        let kept = match (&failure, self.connection.as_mut()) {
            (Failure::Constraint(_), Some(connection)) => {
                run_sql(connection, roll_back).await.is_ok()
            }
            _ => false,
        };
        if !kept && let Some(connection) = self.connection.take() {
            drop(connection.close().await);
        }
        failure
    }
}

/// Stores a batch's rows and commits; answers the first of the positions that they took. `begun`: in a transaction that is open.
async fn store(
    connection: &mut SqliteConnection,
    statements: &Statements,
    begun: bool,
    rows: Rows<'_>,
) -> Result<Position, Failure> {
    let Rows {
        events,
        guards,
        mut tables,
    } = rows;
    let (length, largest) = (tables.len(), SIZES[SIZES.len() - 1]);
    let first = if length <= largest {
        let size = Statements::size_for(length);
        let (sql, before_commit) = if begun {
            (&statements.rest, statements::REST_BEFORE_COMMIT)
        } else {
            (&statements.whole, statements::WHOLE_BEFORE_COMMIT)
        };
        let call = tables.bind(take_positions(&sql[size], guards, events), SIZES[size]);
        execute(connection, call, Some(before_commit)).await?
    } else {
        let sql = if begun {
            statements::REOPEN
        } else {
            statements::OPEN
        };
        let first = execute(connection, take_positions(sql, guards, events), None).await?;
        for from in (0..length).step_by(largest) {
            let size = Statements::size_for(length - from);
            let call = sqlx::query(&statements.tables[size]);
            let call = tables.bind(call, SIZES[size]);
            execute(connection, call, None).await?;
        }
        let committed = execute(connection, sqlx::query(statements::COMMIT), Some(0)).await;
        committed.map_err(|failure| match failure {
            Failure::Commit(why, _) => Failure::Commit(why, first),
            other => other,
        })?;
        first
    };
    first.ok_or_else(|| Failure::Commit("the log has no head".to_owned(), None))
}

/// A call that begins with taking positions.
fn take_positions(sql: &str, guards: String, events: u64) -> Call<'_> {
    let count = to_i64(events);
    sqlx::query(sql).bind(guards).bind(count).bind(count)
}

/// Runs a call; answers the position in the row that it returned. `before_commit`: how many statements precede its `COMMIT`, where
/// it has one.
async fn execute(
    connection: &mut SqliteConnection,
    call: Call<'_>,
    before_commit: Option<usize>,
) -> Result<Option<Position>, Failure> {
    let mut results = (&mut *connection).fetch_many(call);
    let (mut done, mut first) = (0, None);
    while let Some(result) = results.next().await {
        match result {
            Ok(Either::Left(_)) => done += 1,
            Ok(Either::Right(row)) => {
                first = Some(Position(number(&row, 0).map_err(Failure::Nothing)?));
            }
            Err(error) => {
                let at_commit = before_commit.is_some_and(|count| done >= count);
                return Err(failure(&error, at_commit, first));
            }
        }
    }
    Ok(first)
}

async fn run_sql(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), Failure> {
    let mut results = (&mut *connection).fetch_many(sqlx::query(sql));
    while let Some(result) = results.next().await {
        result.map_err(|e| failure(&e, false, None))?;
    }
    Ok(())
}

fn failure(error: &sqlx::Error, at_commit: bool, first: Option<Position>) -> Failure {
    match error {
        sqlx::Error::Database(e) if connect::is_constraint(e.as_ref()) => {
            Failure::Constraint(error.to_string())
        }
        // A connection that is in the way keeps the commit from being tried.
        sqlx::Error::Database(e) if !at_commit || connect::is_busy(e.as_ref()) => {
            Failure::Nothing(unavailable(error))
        }
        // The connection's thread is gone, perhaps in the midst of it.
        _ => Failure::Commit(error.to_string(), first),
    }
}

async fn find(connection: &mut SqliteConnection, batch: &[Append]) -> Result<Found, Error> {
    let parts = || batch.iter().flat_map(|a| &a.streams);
    let commands: Vec<_> = batch
        .iter()
        .flat_map(|a| &a.commands)
        .map(|c| c.command_id)
        .collect();
    let events: Vec<_> = parts()
        .flat_map(|s| &s.events)
        .map(|e| e.event_id)
        .collect();
    let pairs: Vec<_> = batch
        .iter()
        .flat_map(|a| &a.claims)
        .map(ClaimChange::pair)
        .collect();
    let streams: Vec<_> = parts().map(|s| s.stream.clone()).collect();
    let heads = read::stream_heads(&mut *connection, &streams).await?;
    let versions = streams
        .into_iter()
        .zip(heads)
        .filter_map(|(stream, head)| Some((stream, head?.version)))
        .collect();
    Ok(Found {
        commands: read::commands(&mut *connection, &commands).await?,
        events: read::event_ids(&mut *connection, &events).await?,
        holders: read::claims(&mut *connection, &pairs).await?,
        versions,
    })
}

/// Events whose commands one step of pruning looks at: some milliseconds of the write lock.
const PRUNE_EVENTS: usize = 2_000;

async fn prune(
    connection: &mut SqliteConnection,
    before: DateTime<Utc>,
) -> Result<Pruned, sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let events: Vec<(i64, String)> =
        sqlx::query_as(include_str!("../../../sql/sqlite/read_prunable.sql"))
            .bind(i64::try_from(PRUNE_EVENTS).unwrap_or(i64::MAX))
            .fetch_all(&mut *transaction)
            .await?;
    let before = time_text(before);
    let old = events
        .iter()
        .take_while(|(_, recorded_at)| *recorded_at < before);
    let Some((last, _)) = old.clone().last() else {
        transaction.rollback().await?;
        return Ok(Pruned {
            forgotten: 0,
            more: false,
        });
    };
    let deleted = sqlx::query(include_str!("../../../sql/sqlite/prune_commands.sql"))
        .bind(last)
        .execute(&mut *transaction)
        .await?;
    sqlx::query(include_str!("../../../sql/sqlite/advance_pruned.sql"))
        .bind(last)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(Pruned {
        forgotten: deleted.rows_affected(),
        more: old.count() == PRUNE_EVENTS,
    })
}
