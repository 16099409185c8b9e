//! What single tests want of a cluster besides its running.

use sqlx::{Connection, PgConnection};

use super::Cluster;

/// What the processes of a cluster are given besides what they need.
#[derive(Debug, Clone, Default)]
pub struct Extra {
    /// Further sections of their configuration, as TOML.
    pub settings: String,
    /// Further variables of their environment.
    pub environment: Vec<(String, String)>,
}

impl Cluster {
    /// Changes the key store, as only its administrator can.
    ///
    /// # Panics
    /// Where the database refuses it.
    pub async fn tamper_with_keys(&self, sql: &str) {
        let mut connection = connect(&self.stores.key_store).await;
        let done = sqlx::raw_sql(sql).execute(&mut connection).await;
        done.expect("an administrator may do anything");
    }

    /// A number that the log's database answers.
    ///
    /// # Panics
    /// Where it answers none.
    pub async fn count_in_log(&self, sql: &str) -> i64 {
        let mut connection = connect(&self.stores.log).await;
        let counted = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
        counted.expect("a count is a number")
    }
}

async fn connect(url: &str) -> PgConnection {
    let connection = PgConnection::connect(url).await;
    connection.expect("the database takes connections")
}
