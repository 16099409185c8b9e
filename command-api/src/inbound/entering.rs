//! Requests over Kafka are entered as those over HTTP are.

use async_trait::async_trait;
use edge::Problem;
use tokio::time::Instant;

use super::{EnterDrop, EntryRequest};
use crate::{
    AppState, codes,
    drops::{Attempt, Entered},
    error::problem,
    routes::drops,
};

#[async_trait]
impl EnterDrop for AppState {
    async fn enter(&self, request: &EntryRequest) -> Result<(), Problem> {
        let attempt = Attempt {
            drop_id: request.drop_id.into(),
            customer_id: request.customer_id,
            command_id: request.command_id(),
            pass: request.pass.as_deref(),
            deadline: Instant::now() + self.settings.deadline,
        };
        match self.drops.enter(attempt).await {
            Ok(Entered::Accepted(_)) => Ok(()),
            Ok(Entered::Already(entry)) => {
                let detail = format!(
                    "the customer has entered the drop already: {}",
                    entry.entry_id
                );
                Err(problem(codes::ALREADY_ENTERED, detail))
            }
            Err(error) => Err(drops::failed(self, &error)),
        }
    }
}
