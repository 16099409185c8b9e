//! A database of its own for each test.

use sqlx::Connection;
use uuid::Uuid;

/// A database that goes with the value.
#[derive(Debug)]
pub struct Database {
    admin: String,
    name: String,
    /// Where it is, on the primary.
    pub url: String,
    /// Where it is on the replica; the replica's copy may take a moment to appear.
    pub replica_url: Option<String>,
}

/// A new database on the log's server; `None`, and a note that `test` was skipped, where there is none.
///
/// # Panics
/// Where the server is there and does not do it.
pub async fn log_database(test: &str) -> Option<Database> {
    let admin = super::variable("FRONTROW_TEST_LOG_URL", test)?;
    Some(create(admin, None).await)
}

/// A new database on the read model's server; `None`, and a note that `test` was skipped, where there is none.
///
/// # Panics
/// Where the server is there and does not do it.
pub async fn read_model_database(test: &str) -> Option<Database> {
    let admin = super::variable("FRONTROW_TEST_READ_MODEL_URL", test)?;
    let replica = super::variable("FRONTROW_TEST_READ_MODEL_REPLICA_URL", test)?;
    Some(create(admin, Some(replica)).await)
}

async fn create(admin: String, replica: Option<String>) -> Database {
    let name = format!("t{}", Uuid::now_v7().simple());
    run(&admin, &format!("CREATE DATABASE {name}"))
        .await
        .expect("the test server makes databases");
    let beside = |url: &str| {
        let (server, _) = url
            .rsplit_once('/')
            .expect("a server's URL ends in a database");
        format!("{server}/{name}")
    };
    Database {
        url: beside(&admin),
        replica_url: replica.as_deref().map(beside),
        admin,
        name,
    }
}

async fn run(admin: &str, sql: &str) -> Result<(), sqlx::Error> {
    let mut connection = sqlx::PgConnection::connect(admin).await?;
    sqlx::raw_sql(sql).execute(&mut connection).await?;
    connection.close().await
}

impl Drop for Database {
    fn drop(&mut self) {
        let (admin, sql) = (
            self.admin.clone(),
            format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name),
        );
        // On a thread of its own: a runtime can't be entered from within another. What can't be dropped goes with the server.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.map(|runtime| runtime.block_on(run(&admin, &sql)))
        });
        let _ = dropped.join();
    }
}
