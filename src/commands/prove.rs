//! `frontrow audit prove`: proves that an event is in the log, beside a running server too.

use std::process::ExitCode;

use anyhow::Context;
use audit::seals::proof::{self, InclusionProof};
use event_store::log::postgres::Access;

use super::{print, runtime, seal};
use crate::{cli::Prove, config::Settings, data_folder, sealing};

pub(super) fn run(settings: &Settings, arguments: &Prove) -> anyhow::Result<ExitCode> {
    let proof = runtime()?.block_on(prove(settings, arguments.position))?;
    let text = serde_json::to_string_pretty(&proof)?;
    match &arguments.file {
        None => print(&text)?,
        Some(path) => data_folder::write_whole(path, format!("{text}\n").as_bytes())
            .with_context(|| format!("{} can't be written", path.display()))?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn prove(settings: &Settings, position: u64) -> anyhow::Result<InclusionProof> {
    let key = sealing::verification(settings)?;
    let key = key.context("neither audit.verification_key nor audit.sealing_key is set")?;
    let adapters = seal::open(settings, Access::ReadOnly)?;
    let log = adapters.log().await?.log.clone();
    let seals = adapters.seals().await?;
    let proof = proof::prove(&*log, &*seals, &key, position).await;
    adapters.close().await;
    Ok(proof?)
}
