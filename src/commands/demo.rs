//! `frontrow demo`: an on-sale, then its audit.

use std::{path::PathBuf, process::ExitCode};

use serde_json::json;

use super::{print, runtime, verify};
use crate::{
    app::{App, AppConfig},
    cli::{Demo, Output, Verify},
    config::Settings,
    data_folder::TemporaryFolder,
    demo, telemetry,
};

pub(super) fn run(
    mut settings: Settings,
    data: Option<PathBuf>,
    arguments: &Demo,
    output: Output,
) -> anyhow::Result<ExitCode> {
    // The report counts what is refused or fails; a line for each would drown the progress bar.
    "error".clone_into(&mut settings.telemetry.filter);
    telemetry::start_logs(&settings.telemetry)?;
    // Removed at the end, also of a run that fails.
    let _temporary = if let Some(data) = data {
        settings.server.data = data;
        None
    } else {
        let folder = TemporaryFolder::new()?;
        folder.path().clone_into(&mut settings.server.data);
        Some(folder)
    };
    settings.server.listen = ([127, 0, 0, 1], 0).into();
    settings.server.demo_catalogue = false;
    // Server and crowd have a runtime each, so that neither waits in the other's queues; they share the machine.
    let (server, crowd) = (runtime()?, runtime()?);
    let config = AppConfig::new(settings.clone());
    let app = server.block_on(App::start(config))?;
    let report = crowd.block_on(demo::play(&app, arguments.fans))?;
    if output == Output::Text {
        print(&format!("{report}\n"))?;
    }
    let verdict = crowd.block_on(verify::verify(&settings, &Verify::default()));
    server.block_on(app.shutdown())?;
    let verdict = verdict?;
    match output {
        Output::Text => print(&verdict.to_string())?,
        Output::Json => {
            print(&json!({"on_sale": report.to_json(), "audit": verdict}).to_string())?;
        }
    }
    Ok(verify::status(&verdict))
}
