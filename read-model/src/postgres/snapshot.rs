//! All rows of one instant, over a connection of its own: an auditor never takes one from the queries.

use async_trait::async_trait;
use sqlx::{PgConnection, postgres::PgConnectOptions};

use super::{connect, failed, read, statements, versions};
use crate::{Checkpoint, Document, Error, Snapshot, Table, Versions};

/// A read transaction, which ends with its connection.
#[derive(Debug)]
pub(super) struct PostgresSnapshot {
    connection: PgConnection,
    versions: Versions,
    checkpoints: Vec<Checkpoint>,
}

impl PostgresSnapshot {
    pub(super) async fn open(
        options: &PgConnectOptions,
        versions: Option<&Versions>,
    ) -> Result<Self, Error> {
        let mut connection = connect::connect(options).await?;
        sqlx::query(statements::BEGIN_SNAPSHOT)
            .execute(&mut connection)
            .await
            .map_err(failed)?;
        // The first read fixes the snapshot, and it is this one.
        let known = versions::versions(&mut connection).await?;
        let versions = versions.copied().unwrap_or_else(|| Versions::live(&known));
        let checkpoints = read::checkpoints(&mut connection, Some(&versions)).await?;
        Ok(Self {
            connection,
            versions,
            checkpoints,
        })
    }
}

#[async_trait]
impl Snapshot for PostgresSnapshot {
    fn versions(&self) -> &Versions {
        &self.versions
    }

    fn checkpoints(&self) -> &[Checkpoint] {
        &self.checkpoints
    }

    async fn page(
        &mut self,
        table: Table,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Document>, Error> {
        let rows: Vec<(String, String)> = sqlx::query_as(statements::dump(table))
            .bind(super::short(self.versions.get(table.projection())))
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(&mut self.connection)
            .await
            .map_err(failed)?;
        let documents = rows.into_iter().map(|(key, json)| Document { key, json });
        Ok(documents.collect())
    }
}
