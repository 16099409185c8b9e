//! `frontrow keys`: makes keys of tokens, and prints what verifiers need to know of them.

use std::process::ExitCode;

use edge::auth::Signer;

use super::print;
use crate::{cli::Keys, config::Settings, signing};

pub(super) fn run(settings: &Settings, arguments: &Keys) -> anyhow::Result<ExitCode> {
    let signer = match arguments {
        Keys::New { file } => Signer::create(file)?,
        Keys::Public => signing::signer(settings)?,
    };
    print(signer.public_key().to_pem().trim_end())?;
    Ok(ExitCode::SUCCESS)
}
