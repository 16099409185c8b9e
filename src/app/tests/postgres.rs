//! Parts of the system, and all of it, on Postgres.

use edge::auth::Signer;
use servers::Database;

use super::*;
use crate::config::Durability;

/// A log, and a key store beside it.
struct Stores {
    log: Database,
    keys: Database,
    /// Where several processes keep waiting rooms.
    redis: String,
    folder: TemporaryFolder,
}

impl Stores {
    async fn new(test: &str) -> Option<Self> {
        let (log, keys) = (
            servers::log_database(test).await?,
            servers::log_database(test).await?,
        );
        let redis = servers::redis(test)?;
        let folder = TemporaryFolder::new().unwrap();
        Signer::create(&folder.path().join("key.pem")).unwrap();
        Some(Self {
            log,
            keys,
            redis,
            folder,
        })
    }

    fn config(&self, roles: &str) -> AppConfig {
        let mut config = AppConfig::for_tests(self.folder.path().join("data"));
        let settings = &mut config.settings;
        roles.clone_into(&mut settings.server.roles);
        settings.log.url.clone_from(&self.log.url);
        settings.key_store.url.clone_from(&self.keys.url);
        settings.waiting_room.url.clone_from(&self.redis);
        let key = self.folder.path().join("key.pem");
        settings.auth.signing_key = key.display().to_string();
        config
    }
}

async fn charge(app: &App, token: &str) -> Value {
    let server = Connections::new(app.addr(), 1);
    let bearer = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    let charge = Call::post("/v1/points/charges", &json!({"amount": 1})).authorized(bearer);
    crate::catalogue::created(&server, charge).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_hold_open_what_they_need_alone() {
    let Some(stores) = Stores::new("roles apart on Postgres").await else {
        return;
    };
    let starts = ["command-api", "process-managers", "command-api"]
        .map(|roles| App::start(stores.config(roles)));
    let apps = join_all(starts).await;
    let [commands, managers, others] = <[_; 3]>::try_from(apps).unwrap();
    let (commands, managers, others) = (commands.unwrap(), managers.unwrap(), others.unwrap());

    // Both command APIs sign with one key, and append to one log.
    let token = commands.token(Role::Customer, Uuid::now_v7()).unwrap();
    assert_eq!(charge(&commands, &token).await["balance"], 1);
    assert_eq!(charge(&others, &token).await["balance"], 2);
    assert_eq!(managers.log().unwrap().head().await.unwrap().position.0, 2);
    assert!(managers.token(Role::Customer, Uuid::now_v7()).is_err());
    assert!(managers.settle().await.is_err(), "nothing is projected");
    let ready = Connections::new(managers.addr(), 1)
        .send(Call::get("/readyz"))
        .await;
    assert!(ready.unwrap().status.is_success());
    assert!(commands.data().is_none() && !stores.folder.path().join("data").exists());
    for app in [commands, managers, others] {
        app.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn why_a_single_disk_is_accepted_is_the_first_thing_recorded() {
    let Some(stores) = Stores::new("a single disk, with a reason").await else {
        return;
    };
    let mut config = stores.config("all");
    config.settings.log.durability = Durability::Single;
    config.settings.log.durability_reason = "the standby is being built".to_owned();
    let app = App::start(config).await.unwrap();
    let events = app.log().unwrap().read_all(Position(0), 1).await.unwrap();
    assert_eq!(events[0].event_type, "OperatorActed");
    for part in ["log.durability_single", "the standby is being built"] {
        assert!(events[0].payload.contains(part), "{}", events[0].payload);
    }
    app.shutdown().await.unwrap();

    // The log has events now: with the keys of another installation it is not served.
    let mut config = stores.config("all");
    let others = servers::log_database("another key store").await.unwrap();
    config.settings.key_store.url.clone_from(&others.url);
    let error = format!("{:#}", App::start(config).await.unwrap_err());
    assert!(error.contains("is empty: restore it"), "{error}");
}
