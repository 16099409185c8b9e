//! What is secret or personal is nowhere but in the key store: not in the log, not in what the process says, not in what it measures.

use std::{fs, path::Path};

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::{
    harness::DataFolder,
    operation::{Served, frontrow, token},
};

/// Values that can be told from everything else.
const EMAIL: &str = "zq7-marked-address@example.org";
const NAME: &str = "Zq7 Marked Name";
const PASSWORD: &str = "zq7-marked-password";
const WRONG: &str = "zq7-marked-wrong-password";

async fn answer(call: RequestBuilder, status: u16) -> Value {
    let response = call.send().await.unwrap();
    assert_eq!(response.status().as_u16(), status);
    let bytes = response.bytes().await.unwrap();
    serde_json::from_slice(&bytes).unwrap_or(Value::Null)
}

/// Goes through the calls that are given secrets, good ones and bad ones; answers the secrets that were made on the way.
async fn give_secrets(client: &Client, base: &str) -> Vec<String> {
    let post = |path: &str, body: &Value| client.post(format!("{base}{path}")).json(body);
    let register = json!({"email": EMAIL, "password": PASSWORD, "name": NAME});
    answer(post("/v1/customers", &register), 201).await;
    answer(post("/v1/customers", &register), 409).await;
    let good = json!({"email": EMAIL, "password": PASSWORD});
    let tokens = answer(post("/v1/sessions", &good), 201).await;
    let wrong = json!({"email": EMAIL, "password": WRONG});
    answer(post("/v1/sessions", &wrong), 401).await;
    let unknown = json!({"email": format!("x{EMAIL}"), "password": PASSWORD});
    answer(post("/v1/sessions", &unknown), 401).await;
    // What can't be read must not be told either.
    answer(
        post("/v1/sessions", &json!({"email": EMAIL, PASSWORD: 1})),
        400,
    )
    .await;
    answer(
        post(
            "/v1/customers",
            &json!({"email": EMAIL, "password": 7, "name": NAME}),
        ),
        400,
    )
    .await;
    let broken = client
        .post(format!("{base}/v1/customers"))
        .header("content-type", "application/json")
        .body(format!("{{\"password\": \"{PASSWORD}"));
    answer(broken, 400).await;
    let refresh = |token: &Value| json!({"refresh_token": token});
    let first = tokens["refresh_token"].clone();
    let next = answer(post("/v1/sessions/refresh", &refresh(&first)), 201).await;
    let access = next["access_token"].as_str().unwrap().to_owned();
    let charge = post("/v1/points/charges", &json!({"amount": 10})).bearer_auth(&access);
    answer(charge, 201).await;
    // A token that was changed, and a refresh token that was used.
    let forged = format!("{access}zq7");
    answer(
        client
            .get(format!("{base}/v1/me/points"))
            .bearer_auth(&forged),
        401,
    )
    .await;
    answer(post("/v1/sessions/refresh", &refresh(&first)), 401).await;
    answer(
        client.delete(format!("{base}/v1/me")).bearer_auth(&access),
        200,
    )
    .await;
    answer(post("/v1/sessions", &good), 401).await;
    let mut secrets = vec![access, forged];
    for tokens in [&tokens, &next] {
        for key in ["access_token", "refresh_token"] {
            secrets.push(tokens[key].as_str().unwrap().to_owned());
        }
    }
    secrets
}

/// All files below a folder but those of the key store, and the keys that sign.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if !name.starts_with("keys.db") {
            files.push((name, fs::read(&path).unwrap()));
        }
    }
    files
}

#[track_caller]
fn assert_silent(what: &str, said: &[u8], secrets: &[String]) {
    for secret in secrets {
        let found = said
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!found, "{what} tells {secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_and_personal_data_are_told_nowhere() {
    let data = DataFolder::new();
    let config = data.0.join("config.toml");
    fs::write(
        &config,
        "[telemetry]\nfilter = \"debug\"\nformat = \"json\"\n",
    )
    .unwrap();
    let served = Served::start_with(&data.0, &["--config", config.to_str().unwrap()]);
    let client = Client::new();
    let mut secrets = give_secrets(&client, &served.base).await;
    let metrics = client.get(format!("{}/metrics", served.base));
    let metrics = metrics.send().await.unwrap().bytes().await.unwrap();

    // What auditors see of it names ids alone.
    let auditor = token(&data.0, "auditor");
    let url = format!("{}/v1/audit/security?limit=1000", served.base);
    let kinds = [
        "signed_in",
        "sign_in_failed",
        "invalid_token",
        "refresh_token_reused",
    ];
    let entries = loop {
        let entries = answer(client.get(&url).bearer_auth(&auditor), 200).await;
        let items = entries["items"].as_array().unwrap();
        let all = kinds
            .iter()
            .all(|kind| items.iter().any(|item| item["kind"] == *kind));
        if all
            && items
                .iter()
                .filter(|item| item["kind"] == "sign_in_failed")
                .count()
                == 3
        {
            break entries;
        }
        tokio::task::yield_now().await;
    };
    let banner = served.banner.join("\n");
    served.stop();

    let export = data.0.join("log.ndjson");
    let exported = frontrow(&data.0, &["audit", "export"])
        .arg(&export)
        .output()
        .unwrap();
    assert!(exported.status.success());
    secrets.extend([EMAIL, NAME, PASSWORD, WRONG].map(str::to_owned));
    assert_silent("/metrics", &metrics, &secrets);
    assert_silent("the banner", banner.as_bytes(), &secrets);
    assert_silent("the security log", entries.to_string().as_bytes(), &secrets);
    let files = files(&data.0);
    for name in [
        "log.db",
        "read-model.db",
        "serve.log",
        "log.ndjson",
        "sealed-heads.ndjson",
    ] {
        assert!(
            files.iter().any(|(file, _)| file == name),
            "there is no {name}"
        );
    }
    for (name, bytes) in files {
        assert_silent(&name, &bytes, &secrets);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_was_killed_is_finished_at_the_next_start() {
    for step in [
        "erasure.recorded",
        "erasure.key_destroyed",
        "erasure.destroyed",
    ] {
        let data = DataFolder::new();
        let served = Served::start_with(&data.0, &["--abort-at", step]);
        let client = Client::new();
        let register = json!({"email": EMAIL, "password": PASSWORD, "name": NAME});
        let post =
            |base: &str, path: &str, body: &Value| client.post(format!("{base}{path}")).json(body);
        answer(post(&served.base, "/v1/customers", &register), 201).await;
        let good = json!({"email": EMAIL, "password": PASSWORD});
        let tokens = answer(post(&served.base, "/v1/sessions", &good), 201).await;
        let access = tokens["access_token"].as_str().unwrap();
        let me = format!("{}/v1/me", served.base);
        client
            .delete(me)
            .bearer_auth(access)
            .send()
            .await
            .unwrap_err();
        drop(served);

        // The timer comes due ten seconds after the erasure; whoever asks again need not wait for it.
        let served = Served::start(&data.0);
        let me = format!("{}/v1/me", served.base);
        let erased = answer(client.delete(me).bearer_auth(access), 200).await;
        assert_eq!(erased["status"], "erased", "{step}");
        answer(post(&served.base, "/v1/sessions", &good), 401).await;
        answer(post(&served.base, "/v1/customers", &register), 201).await;
        served.stop();
        let verified = frontrow(&data.0, &["audit", "verify"]).output().unwrap();
        assert!(
            verified.status.success(),
            "{step}: {}",
            String::from_utf8_lossy(&verified.stdout)
        );
    }
}
