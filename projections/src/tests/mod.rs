//! Tests of the projections: what given events amount to, and that it does not matter how they are cut.

mod batches;
mod bus;
mod dry_run;
mod folds;
mod log;
mod parked;
mod rebuild;
mod runner;
mod workers;
mod world;

use std::{fs, path::PathBuf, sync::Arc};

use event_store::{Clock, clock::ManualClock};
use read_model::{Access, ReadModel};
use uuid::Uuid;

/// A clock that stands still.
fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::new(world::recorded_at(0)))
}

/// A read model that goes away with its test.
struct Store {
    folder: Option<PathBuf>,
    model: Arc<dyn ReadModel>,
    _database: Option<servers::Database>,
}

impl Store {
    /// In a folder.
    async fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("projections-{}", Uuid::now_v7()));
        fs::create_dir(&folder).unwrap();
        let url = format!("sqlite:{}", folder.join("read-model.db").display());
        Self {
            model: read_model::open(&url, Access::ReadWrite).await.unwrap(),
            folder: Some(folder),
            _database: None,
        }
    }

    /// In a database of its own; `None` where there is no server.
    async fn postgres(test: &str) -> Option<Self> {
        let database = servers::read_model_database(test).await?;
        let model = read_model::open(&database.url, Access::ReadWrite).await;
        Some(Self {
            model: model.unwrap(),
            folder: None,
            _database: Some(database),
        })
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            fs::remove_dir_all(folder).unwrap();
        }
    }
}

/// Runs tests, which take a store, on both adapters.
macro_rules! on_both_stores {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::tests::Store::new().await).await;
            })*
        }

        mod postgres {
            $(#[tokio::test]
            async fn $test() {
                if let Some(store) = crate::tests::Store::postgres(stringify!($test)).await {
                    super::$test(store).await;
                }
            })*
        }
    };
}
use on_both_stores;
