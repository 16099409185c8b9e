//! The server that is measured: one of the benchmark's own, without a standby, or the one it is told of.

use servers::{Options, Postgres};
use sqlx::{ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use uuid::Uuid;

/// An administrator's URL of a server to be measured instead.
const URL: &str = "FRONTROW_BENCH_POSTGRES_URL";

/// As the figures in the project's notes were taken: caches that hold what is written, and no checkpoint in between.
const SETTINGS: [(&str, &str); 3] = [
    ("shared_buffers", "'1GB'"),
    ("max_wal_size", "'8GB'"),
    ("checkpoint_timeout", "'30min'"),
];

pub(super) struct Server {
    admin: String,
    _own: Option<Postgres>,
}

impl Server {
    /// `None`, and a note, where there is none.
    pub(super) async fn start() -> Option<Self> {
        if let Ok(admin) = std::env::var(URL) {
            return Some(Self { admin, _own: None });
        }
        let settings = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let own = Postgres::start(
            "append benchmark",
            Options {
                settings: settings.into(),
            },
        )
        .await?;
        Some(Self {
            admin: own.url("postgres"),
            _own: Some(own),
        })
    }

    /// What it says of itself, and what an acknowledgement means there.
    pub(super) async fn describe(&self) -> String {
        let mut connection = PgConnection::connect(&self.admin).await.unwrap();
        let said = sqlx::query_scalar(include_str!("describe.sql"));
        let said: String = said.fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        said
    }

    /// A new database, with nothing left to be written of those before; its URL.
    pub(super) async fn database(&self) -> Database<'_> {
        let name = format!("b{}", Uuid::now_v7().simple());
        // A database's name can't be bound.
        self.run(&format!("CREATE DATABASE {name}")).await;
        self.run("CHECKPOINT").await;
        let options: PgConnectOptions = self.admin.parse().unwrap();
        Database {
            url: options.database(&name).to_url_lossy().to_string(),
            name,
            server: self,
        }
    }

    async fn run(&self, sql: &str) {
        let mut connection = PgConnection::connect(&self.admin).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

pub(super) struct Database<'a> {
    pub(super) url: String,
    name: String,
    server: &'a Server,
}

impl Database<'_> {
    pub(super) async fn run(&self, sql: &str) {
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// Events in one transaction, on average.
    pub(super) async fn mean_batch(&self) -> f64 {
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        let mean = sqlx::query_scalar(include_str!("mean_batch.sql"));
        let mean: f64 = mean.fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        mean
    }

    pub(super) async fn drop(self) {
        let Self { name, server, .. } = self;
        server
            .run(&format!("DROP DATABASE {name} WITH (FORCE)"))
            .await;
    }
}
