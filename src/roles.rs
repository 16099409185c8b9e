//! The roles: what one process does of the whole.

use std::{fmt, str::FromStr};

use anyhow::bail;

use crate::config::Settings;

/// A part of the system that can run in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// HTTP in, events out.
    CommandApi,
    /// Events in, commands out: expiry, checkout, cancellation.
    ProcessManagers,
    /// Log to bus.
    Relay,
    /// Bus to read model.
    Projections,
    /// Read model to HTTP.
    QueryApi,
    /// The log, checked and explained.
    Audit,
}

/// Every role, in the order in which they start.
const ALL: [Role; 6] = [
    Role::CommandApi,
    Role::ProcessManagers,
    Role::Relay,
    Role::Projections,
    Role::QueryApi,
    Role::Audit,
];

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::CommandApi => "command-api",
            Self::ProcessManagers => "process-managers",
            Self::Relay => "relay",
            Self::Projections => "projections",
            Self::QueryApi => "query-api",
            Self::Audit => "audit",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The roles of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles(Vec<Role>);

impl Roles {
    /// Whether this process is the whole system.
    pub fn is_all(&self) -> bool {
        ALL.iter().all(|role| self.0.contains(role))
    }

    /// Refuses a part of the system on stores that no other process can share: the parts would not see each other.
    ///
    /// # Errors
    /// What is needed, by key.
    pub fn check_shared(&self, settings: &Settings) -> anyhow::Result<()> {
        if self.is_all() {
            return Ok(());
        }
        let embedded: Vec<_> = [
            ("log.url", &settings.log.url),
            ("bus.url", &settings.bus.url),
            ("read_model.url", &settings.read_model.url),
            ("key_store.url", &settings.key_store.url),
        ]
        .map(|(key, url)| format!("{key} ({url})"))
        .into();
        let names: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        bail!(
            "server.roles is {}: roles in processes of their own need stores and a bus that several processes share, but these are \
             embedded in one: {}. Run every role in one process: --roles all",
            names.join(","),
            embedded.join(", "),
        )
    }
}

impl FromStr for Roles {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "all" {
            return Ok(Self(ALL.into()));
        }
        text.split(',')
            .map(|name| {
                let name = name.trim();
                let known = ALL.into_iter().find(|role| role.name() == name);
                known.ok_or_else(|| {
                    let names = ALL.map(Role::name).join(", ");
                    anyhow::anyhow!("unknown role {name:?}: there are all, {names}")
                })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_roles_by_name_are_all() {
        let names = ALL.map(Role::name).join(", ");
        assert!(names.parse::<Roles>().unwrap().is_all());
        assert!("all".parse::<Roles>().unwrap().is_all());
    }

    #[test]
    fn a_part_names_what_it_needs() {
        let settings = Settings::defaults();
        let roles: Roles = "command-api,query-api".parse().unwrap();
        let error = roles.check_shared(&settings).unwrap_err().to_string();
        assert!(error.contains("log.url (sqlite:log.db)"), "{error}");
    }
}
