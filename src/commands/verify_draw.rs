//! `frontrow audit verify-draw`: checks the published proof of a drop. Needs no server, no folder and no settings.

use std::{
    fs::File,
    io::{self, Read},
    process::ExitCode,
};

use anyhow::Context;
use audit::verify_draw::{Expected, verify_draw};

use super::print;
use crate::cli::{Output, VerifyDraw};

/// Exit status where something was found.
const FINDINGS: u8 = 1;

pub(super) fn run(args: &VerifyDraw, output: Output) -> anyhow::Result<ExitCode> {
    let path = &args.file;
    let proof: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        let file = File::open(path);
        Box::new(file.with_context(|| format!("{} can't be opened", path.display()))?)
    };
    let expected = Expected {
        entry: args.entry,
        commitment: args.commitment.clone(),
        root: args.root.clone(),
    };
    let report = verify_draw(proof, &expected);
    let report = report.with_context(|| format!("{} can't be checked", path.display()))?;
    match output {
        Output::Text => print(&report.to_string())?,
        Output::Json => print(&serde_json::to_string(&report)?)?,
    }
    Ok(if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FINDINGS)
    })
}
