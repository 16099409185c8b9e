//! Tests of the projections: what given events amount to, and that it does not matter how they are cut.

mod batches;
mod bus;
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

/// A read model in a folder that goes away with its test.
struct Store {
    folder: PathBuf,
    model: Arc<dyn ReadModel>,
}

impl Store {
    async fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("projections-{}", Uuid::now_v7()));
        fs::create_dir(&folder).unwrap();
        let model = Self::open(&folder).await;
        Self { folder, model }
    }

    async fn open(folder: &std::path::Path) -> Arc<dyn ReadModel> {
        let url = format!("sqlite:{}", folder.join("read-model.db").display());
        read_model::open(&url, Access::ReadWrite).await.unwrap()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).unwrap();
    }
}
