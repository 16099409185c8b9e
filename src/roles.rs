//! The roles: what one process does of the whole.

use std::{fmt, str::FromStr};

use anyhow::bail;

use crate::{adapters::Port, config::Settings};

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

    /// What it holds open.
    fn needs(self) -> &'static [Port] {
        match self {
            Self::CommandApi | Self::ProcessManagers => {
                &[Port::Log, Port::KeyStore, Port::WaitingRoom]
            }
            Self::Relay => &[Port::Log, Port::Bus],
            Self::Projections | Self::QueryApi => &[Port::Bus, Port::ReadModel],
            Self::Audit => &[Port::Log, Port::Bus, Port::ReadModel],
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
        ALL.iter().all(|role| self.has(*role))
    }

    /// Whether this process has a role.
    pub fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// Whether one of the roles needs the adapter of a port.
    pub fn need(&self, port: Port) -> bool {
        self.0.iter().any(|role| role.needs().contains(&port))
    }

    /// Refuses a part of the system on stores that no other process can share, for the parts would not see each other; and one that
    /// would trust nobody's tokens.
    ///
    /// # Errors
    /// What is needed, by key.
    pub fn check_shared(&self, settings: &Settings) -> anyhow::Result<()> {
        if self.is_all() {
            return Ok(());
        }
        let mut wanted = Vec::new();
        for port in Port::ALL {
            if self.need(port) && port.is_embedded(settings)? {
                let (key, url) = (port.key(), port.url(settings));
                wanted.push(format!("{key} ({url}) must be {}", port.shared()));
            }
        }
        let auth = &settings.auth;
        if self.has(Role::CommandApi) && auth.signing_key.is_empty() {
            wanted.push("auth.signing_key must name the installation's key".to_owned());
        }
        let verifies = self.has(Role::QueryApi) || self.has(Role::Audit);
        if verifies && !self.has(Role::CommandApi) && auth.trusted_keys.is_empty() {
            wanted.push("auth.trusted_keys must name the public half of that key".to_owned());
        }
        if wanted.is_empty() {
            return Ok(());
        }
        bail!(
            "server.roles is {self}: roles in processes of their own need what several processes can share: {}. Or run every role in \
             one process: --roles all",
            wanted.join("; "),
        )
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.write_str("all");
        }
        let names: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&names.join(","))
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
        for wanted in [
            "log.url (sqlite:log.db)",
            "bus.url (log:)",
            "waiting_room.url (memory:)",
            "auth.signing_key",
        ] {
            assert!(error.contains(wanted), "{error}");
        }
        let roles: Roles = "relay".parse().unwrap();
        let error = roles.check_shared(&settings).unwrap_err().to_string();
        assert!(
            !error.contains("read_model") && !error.contains("auth"),
            "{error}"
        );
    }

    #[test]
    fn a_part_on_shared_stores_is_let_be() {
        let mut settings = Settings::defaults();
        "postgres://h/log".clone_into(&mut settings.log.url);
        "postgres://h/keys".clone_into(&mut settings.key_store.url);
        "redis://h:6379".clone_into(&mut settings.waiting_room.url);
        let managers: Roles = "process-managers".parse().unwrap();
        managers.check_shared(&settings).unwrap();
        let commands: Roles = "process-managers,command-api".parse().unwrap();
        commands.check_shared(&settings).unwrap_err();
        "key.pem".clone_into(&mut settings.auth.signing_key);
        commands.check_shared(&settings).unwrap();
    }
}
