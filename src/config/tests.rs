//! How settings are joined, and what is refused.

use std::path::Path;

use super::*;

fn with(key: &str, value: &str) -> anyhow::Result<Settings> {
    let environment = HashMap::from([(key.to_owned(), value.to_owned())]);
    Settings::join(Overrides::default(), Some(environment))
}

#[test]
fn the_defaults_are_what_the_manual_says() {
    let settings = Settings::defaults();
    assert_eq!(settings.server.listen, ([127, 0, 0, 1], 8080).into());
    assert_eq!(settings.executor.bounds().deadline, Duration::from_secs(5));
}

#[test]
fn the_environment_outranks_the_defaults() {
    let settings = with("FRONTROW__SERVER__LISTEN", "0.0.0.0:81").unwrap();
    assert_eq!(settings.server.listen, ([0, 0, 0, 0], 81).into());
    let settings = with("FRONTROW__EXECUTOR__BATCH", "7").unwrap();
    assert_eq!(settings.executor.batch, 7);
    let settings = with("FRONTROW__AUTH__TRUSTED_KEYS", "a.pem,keys").unwrap();
    assert_eq!(settings.auth.trusted_keys, ["a.pem", "keys"]);
    let settings = with("FRONTROW__AUTH__TRUSTED_KEYS", "").unwrap();
    assert!(settings.auth.trusted_keys.is_empty());
    let settings = with("FRONTROW__READ_MODEL__REPLICAS", "").unwrap();
    assert!(settings.read_model.replicas.is_empty());
}

#[test]
fn the_command_line_outranks_the_environment() {
    let environment = HashMap::from([("FRONTROW__SERVER__DATA".into(), "/b".into())]);
    let overrides = Overrides {
        data: Some("/a".into()),
        ..Overrides::default()
    };
    let settings = Settings::join(overrides, Some(environment)).unwrap();
    assert_eq!(settings.server.data, PathBuf::from("/a"));
}

#[test]
fn what_is_unknown_or_out_of_range_is_refused_by_name() {
    for (key, value, says) in [
        ("FRONTROW__SERVER__LISTENN", "x", "listenn"),
        ("FRONTROW__SERVERS__LISTEN", "x", "servers"),
        ("FRONTROW__EXECUTOR__BATCH", "0", "executor.batch is 0"),
        ("FRONTROW__EXECUTOR__BATCH", "many", "batch"),
        ("FRONTROW__EXECUTOR__DEADLINE_MS", "10000", "100 to 9000"),
        ("FRONTROW__SERVER__LISTEN", "here", "listen"),
        ("FRONTROW__SERVER__ROLES", "relay", "--roles all"),
        ("FRONTROW__SERVER__ROLES", "chef", "unknown role"),
        ("FRONTROW__LOG__URL", "pigeon:coop", "there is sqlite:PATH"),
        ("FRONTROW__LOG__DURABILITY", "single", "--reason"),
        ("FRONTROW__LOG__DURABILITY", "some", "durability"),
        ("FRONTROW__BUS__REPLICATION", "0", "bus.replication is 0"),
        (
            "FRONTROW__READ_MODEL__REPLICAS",
            "postgres://h/d",
            "of a file",
        ),
        ("FRONTROW__BUS__URL", "pigeon:coop", "there is log:"),
        (
            "FRONTROW__LIMITS__TRUSTED_PROXIES",
            "10.0.0.0/8,haproxy",
            "limits.trusted_proxies: \"haproxy\"",
        ),
        ("FRONTROW__LIMITS__FORWARDED_HEADER", "via", "via"),
        (
            "FRONTROW__LIMITS__MAX_CALLERS",
            "1",
            "limits.max_callers is 1",
        ),
    ] {
        let error = format!("{:#}", with(key, value).unwrap_err());
        assert!(error.contains(says), "{key}={value}: {error}");
    }
}

/// A file of `deploy/`.
fn deploy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(name)
}

fn production(roles: &str) -> anyhow::Result<Settings> {
    let overrides = Overrides {
        config: Some(deploy("config.production.toml")),
        roles: Some(roles.to_owned()),
        ..Overrides::default()
    };
    Settings::join(overrides, Some(HashMap::new()))
}

#[test]
fn every_role_can_be_started_with_the_production_file() {
    for role in [
        "command-api",
        "process-managers",
        "relay",
        "projections",
        "query-api",
        "audit",
        "all",
    ] {
        production(role).unwrap_or_else(|error| panic!("{role}: {error:#}"));
    }
}

/// The keys of a file, each with whether a comment stands before it.
fn keys(text: &str) -> Vec<(String, bool)> {
    let (mut section, mut before, mut keys) = ("", "", Vec::new());
    for line in text.lines() {
        if line.starts_with('[') {
            section = line;
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            keys.push((format!("{section}{key}"), before.starts_with('#')));
        }
        before = line;
    }
    keys
}

#[test]
fn the_production_file_explains_every_key() {
    let text = std::fs::read_to_string(deploy("config.production.toml")).unwrap();
    assert_eq!(keys(&text), keys(DEFAULTS));
    let silent: Vec<_> = keys(DEFAULTS).into_iter().filter(|key| !key.1).collect();
    assert_eq!(silent, []);
}

#[test]
fn production_believes_the_proxy_of_compose() {
    let compose = std::fs::read_to_string(deploy("compose.yaml")).unwrap();
    let trusted = production("all").unwrap().limits.trusted_proxies;
    assert_eq!(trusted.len(), 1);
    let address = format!("ipv4_address: {}", trusted[0]);
    assert!(compose.contains(&address), "no {address} in compose.yaml");
    let proxy = std::fs::read_to_string(deploy("haproxy.cfg")).unwrap();
    assert!(proxy.contains("\n    option forwardfor\n"));
}

#[test]
fn compose_starts_every_role_and_no_other() {
    let text = std::fs::read_to_string(deploy("compose.yaml")).unwrap();
    let mut started: Vec<_> = text
        .split("\"--roles\", \"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    started.sort_unstable();
    let roles = [
        "audit",
        "command-api",
        "process-managers",
        "projections",
        "query-api",
        "relay",
    ];
    assert_eq!(started, roles);
    for role in started {
        role.parse::<Roles>().unwrap();
        assert!(text.contains(&format!("\n  {role}:\n")), "{role}");
    }
}

#[test]
fn a_file_that_can_t_be_read_is_not_quoted() {
    let file = std::env::temp_dir().join(format!("frontrow-config-{}.toml", uuid::Uuid::now_v7()));
    std::fs::write(
        &file,
        "[log]\nurl = \"postgres://a:secret@h/log\nmore = 1\n",
    )
    .unwrap();
    let overrides = Overrides {
        config: Some(file.clone()),
        ..Overrides::default()
    };
    let error = format!("{:#}", Settings::join(overrides, None).unwrap_err());
    std::fs::remove_file(&file).unwrap();
    assert!(error.contains("line 2"), "{error}");
    assert!(!error.contains("secret"), "{error}");
}
