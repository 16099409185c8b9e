//! How records that others write come in.

use std::sync::Arc;

use command_api::{AppState, inbound};
use event_store::inbox;

use super::assembly::Parts;

impl Parts {
    /// Where projections follow the log itself, there is no Kafka to read from.
    pub(super) fn start_inbound(&self, commands: AppState) -> anyhow::Result<()> {
        let Some(kafka) = self.adapters.kafka()? else {
            return Ok(());
        };
        let deps = inbox::Deps {
            kafka,
            topic: inbound::TOPIC.to_owned(),
            group: self.config.settings.bus.requests_group.clone(),
            handler: Arc::new(inbound::DropEntries::new(Arc::new(commands))),
        };
        // Ends before the executors do, as process managers: what they ask for is still decided.
        let managing = &self.stages.managing;
        let inbox = inbox::run(deps, managing.end.clone());
        managing.run("entries over Kafka", &self.health, inbox);
        Ok(())
    }
}
