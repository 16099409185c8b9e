//! What one server is and how far it has come, asked over a connection of its own.

use std::time::{Duration, Instant};

use sqlx::PgConnection;
use tokio::time::timeout;

use crate::{
    Error, PostgresReadModel, ProjectionId,
    postgres::{failed, statements},
    reading::restored,
};

/// How long a server may take to say what it is.
const PATIENCE: Duration = Duration::from_secs(1);

/// Positions of readers, by projection.
pub(super) type Positions = [u64; ProjectionId::ALL.len()];

/// What a server said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Measured {
    /// Its timeline, where it takes writes; `None` where it follows another server.
    pub(super) timeline: Option<u64>,
    pub(super) positions: Positions,
}

impl Measured {
    /// One number to compare how far servers have come.
    pub(super) fn progress(&self) -> u64 {
        progress(&self.positions)
    }
}

pub(super) fn progress(positions: &Positions) -> u64 {
    positions.iter().sum()
}

/// Asks one server, again and again.
#[derive(Debug)]
pub(super) struct Probe {
    model: PostgresReadModel,
    connection: Option<PgConnection>,
}

impl Probe {
    pub(super) fn new(model: PostgresReadModel) -> Self {
        let connection = None;
        Self { model, connection }
    }

    /// Asks. A connection that failed is not used again.
    pub(super) async fn measure(&mut self) -> (Instant, Result<Measured, Error>) {
        let kept = self.connection.take();
        let asked = timeout(PATIENCE, async {
            let mut connection = match kept {
                Some(connection) => connection,
                None => self.model.connect().await?,
            };
            let measured = ask(&mut connection).await?;
            Ok((connection, measured))
        });
        let answer = asked.await.unwrap_or_else(|_| {
            let server = self.model.server();
            Err(Error::Unavailable(format!("{server} does not answer")))
        });
        let measured = answer.map(|(connection, measured)| {
            self.connection = Some(connection);
            measured
        });
        (Instant::now(), measured)
    }
}

async fn ask(connection: &mut PgConnection) -> Result<Measured, Error> {
    let (in_recovery, timeline, has_rows): (bool, i64, bool) =
        sqlx::query_as(statements::SELECT_SERVER)
            .fetch_one(&mut *connection)
            .await
            .map_err(failed)?;
    let mut positions = Positions::default();
    if has_rows {
        let rows: Vec<(String, i64)> = sqlx::query_as(statements::SELECT_POSITIONS)
            .fetch_all(connection)
            .await
            .map_err(failed)?;
        for (name, position) in rows {
            if let Some(projection) = ProjectionId::from_name(&name) {
                positions[projection as usize] = restored(position)?;
            }
        }
    }
    Ok(Measured {
        timeline: (!in_recovery).then(|| restored(timeline)).transpose()?,
        positions,
    })
}
