//! `frontrow keys`: makes keys of tokens, and prints what verifiers need to know of them.

use std::{path::Path, process::ExitCode};

use anyhow::Context;
use edge::auth::{KeyError, Signer};

use super::print;
use crate::{cli::Keys, config::Settings, data_folder, signing};

pub(super) fn run(settings: &Settings, arguments: &Keys) -> anyhow::Result<ExitCode> {
    let pem = match arguments {
        Keys::New { file, public, keep } => make(file, public.as_deref(), *keep)?,
        Keys::Public => signing::signer(settings)?.public_key().to_pem(),
    };
    print(pem.trim_end())?;
    Ok(ExitCode::SUCCESS)
}

fn make(file: &Path, public: Option<&Path>, keep: bool) -> anyhow::Result<String> {
    let signer = match Signer::create(file) {
        Err(KeyError::Exists { .. }) if keep => Signer::read(file),
        made => made,
    };
    let pem = signer?.public_key().to_pem();
    if let Some(path) = public {
        let written = data_folder::write_whole(path, pem.as_bytes());
        written.with_context(|| format!("{} can't be written", path.display()))?;
    }
    Ok(pem)
}

#[cfg(test)]
mod tests {
    use edge::auth::PublicKey;

    use super::*;
    use crate::data_folder::TemporaryFolder;

    #[test]
    fn a_key_is_kept_only_where_that_is_wanted() {
        let folder = TemporaryFolder::new().unwrap();
        let (key, public) = (
            folder.path().join("key.pem"),
            folder.path().join("public.pem"),
        );
        let pem = make(&key, Some(&public), false).unwrap();
        assert!(make(&key, None, false).is_err());
        assert_eq!(make(&key, None, true).unwrap(), pem);
        let read = PublicKey::read(&public).unwrap();
        assert_eq!(read, [Signer::read(&key).unwrap().public_key()]);
    }
}
