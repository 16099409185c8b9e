//! `frontrow audit verify-draw`: checks the published proof of a drop. Needs no server, no folder and no settings.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    process::ExitCode,
};

use anyhow::Context;
use audit::verify_draw::{Announced, Expected, verify_draw};

use super::print;
use crate::cli::{Output, VerifyDraw};

/// Exit status where something was found.
const FINDINGS: u8 = 1;

pub(super) fn run(args: &VerifyDraw, output: Output) -> anyhow::Result<ExitCode> {
    let path = &args.file;
    let proof: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(open(path)?)
    };
    let announced = args.announced.as_deref().map(announced).transpose()?;
    let expected = Expected {
        entry: args.entry,
        commitment: args.commitment.clone(),
        root: args.root.clone(),
        announced,
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

fn open(path: &Path) -> anyhow::Result<File> {
    File::open(path).with_context(|| format!("{} can't be opened", path.display()))
}

fn announced(path: &Path) -> anyhow::Result<Announced> {
    let announced = Announced::read(open(path)?);
    announced.with_context(|| format!("{} is no drop that was announced", path.display()))
}
