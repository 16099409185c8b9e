//! `[drops]`: where the public values are that drops wait for.

use anyhow::Context;
use command_api::drops::Beacons;
use serde::Deserialize;

/// `[drops]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drops {
    /// `NAME=URL` each.
    pub beacons: Vec<String>,
}

impl Drops {
    /// The beacons that are asked.
    ///
    /// # Errors
    /// An entry of another form, or whose URL can't be asked.
    pub fn beacons(&self) -> anyhow::Result<Beacons> {
        let named = |text: &String| {
            let (name, url) = text
                .split_once('=')
                .with_context(|| format!("drops.beacons: {text:?} is not of the form NAME=URL"))?;
            Ok((name.trim().to_owned(), url.trim().to_owned()))
        };
        let all = self.beacons.iter().map(named);
        let all = all.collect::<anyhow::Result<Vec<_>>>()?;
        Beacons::new(&all).context("drops.beacons can't be used")
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Settings;

    #[test]
    fn what_is_no_beacon_is_refused() {
        let mut settings = Settings::defaults();
        assert!(settings.drops.beacons().is_ok());
        for (text, sound) in [
            ("drand quicknet=https://api.drand.sh/52db", true),
            ("loopback = http://127.0.0.1:1/chain", true),
            ("https://api.drand.sh/52db", false),
            ("=https://api.drand.sh/52db", false),
            ("drand=ftp://api.drand.sh", false),
            ("drand=nowhere", false),
        ] {
            settings.drops.beacons = vec![text.to_owned()];
            assert_eq!(settings.drops.beacons().is_ok(), sound, "{text}");
        }
    }
}
