//! How settings are joined, and what is refused.

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
        ("FRONTROW__READ_MODEL__REPLICAS", "sqlite:a", "is a file"),
        ("FRONTROW__BUS__URL", "pigeon:coop", "there is log:"),
    ] {
        let error = format!("{:#}", with(key, value).unwrap_err());
        assert!(error.contains(says), "{key}={value}: {error}");
    }
}
