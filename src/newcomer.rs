//! What a newcomer is shown: a show on sale, and three lines to paste.

use std::{fmt::Write, fs, path::Path};

use anyhow::Context;
use chrono::{DateTime, SubsecRound, Utc};
use edge::auth::Role;
use hyper::http::HeaderValue;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    app::App,
    catalogue::{self, SHOWCASE_CATEGORY, Terms},
    data_folder,
    driver::{Call, Connections},
};

/// File of the data folder that remembers the demo catalogue.
const FILE: &str = "demo.json";
/// Idempotency keys of the import begin so: there is one demo catalogue per data folder.
const KEY: &str = "demo-catalogue";
/// What the newcomer may spend: enough for every place of the hall.
const POINTS: u64 = 1_000_000;
/// Time to read before paying.
const HOLD_SECONDS: u32 = 300;
/// Fifty rounds of two.
const MAX_SEATS_PER_CUSTOMER: u32 = 100;

/// The demo catalogue of a data folder. Written before the import, so that one that was cut short goes on at the next start with the
/// same requests under the same keys.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DemoShow {
    on_sale_at: DateTime<Utc>,
    organizer_id: Uuid,
    customer_id: Uuid,
    /// Known once everything is there.
    show_id: Option<Uuid>,
}

/// The demo show of the app's data folder: put up where the log is empty, `None` where it holds something else.
///
/// # Errors
/// What kept it from being put up.
pub(crate) async fn prepare(app: &App, data: &Path) -> anyhow::Result<Option<DemoShow>> {
    let path = data.join(FILE);
    let mut demo = match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).with_context(|| path.display().to_string())?,
        Err(_) if app.log()?.head().await?.position.0 > 0 => return Ok(None),
        Err(_) => {
            let demo = DemoShow {
                on_sale_at: app.clock().now().trunc_subsecs(0),
                organizer_id: app.default_subject(Role::Organizer)?,
                customer_id: Uuid::now_v7(),
                show_id: None,
            };
            demo.save(&path)?;
            demo
        }
    };
    if demo.show_id.is_none() {
        demo.show_id = Some(demo.put_up(app).await?);
        demo.save(&path)?;
    }
    Ok(Some(demo))
}

impl DemoShow {
    /// The show, once everything is there.
    pub(crate) fn show_id(&self) -> Option<Uuid> {
        self.show_id
    }

    fn save(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        data_folder::write_whole(path, &text).with_context(|| path.display().to_string())
    }

    async fn put_up(&self, app: &App) -> anyhow::Result<Uuid> {
        let server = Connections::new(app.addr(), 1);
        let bearer = |role, id| {
            let token = app.token(role, id)?;
            anyhow::Ok(HeaderValue::from_str(&format!("Bearer {token}"))?)
        };
        let organizer = bearer(Role::Organizer, self.organizer_id)?;
        let customer = bearer(Role::Customer, self.customer_id)?;
        let terms = Terms {
            on_sale_at: self.on_sale_at,
            hold_seconds: HOLD_SECONDS,
            max_seats_per_customer: MAX_SEATS_PER_CUSTOMER,
        };
        let show_id = catalogue::import(&server, &organizer, KEY, &terms).await?;
        let charge = Call::post("/v1/points/charges", &json!({"amount": POINTS}))
            .authorized(customer)
            .keyed(KEY);
        let _: Value = catalogue::created(&server, charge).await?;
        // The first line shows seats at once.
        app.settle().await?;
        Ok(show_id)
    }
}

/// The text that `serve` prints once it serves. The three lines work as they are, in this order, again and again.
///
/// # Errors
/// None where there is a demo show: its server issues tokens.
pub(crate) fn banner(app: &App) -> anyhow::Result<String> {
    let url = app.url();
    let mut text = format!("Frontrow serves {url}\n");
    // Writing to a String can't fail.
    let _ = match app.data() {
        Some(data) => writeln!(text, "  data folder   {}", data.display()),
        None => writeln!(text, "  roles         {}", app.roles()),
    };
    let _ = writeln!(text, "  API           {url}/docs/");
    let (Some(data), Some((demo, show_id))) = (
        app.data(),
        app.demo_show()
            .and_then(|demo| Some((demo, demo.show_id()?))),
    ) else {
        return Ok(text);
    };
    let token = app.token(Role::Customer, demo.customer_id)?;
    let hold = json!({"show_id": show_id, "best_available":
        {"category": SHOWCASE_CATEGORY, "quantity": 2, "adjacent": true}});
    let headers = format!("-H 'Authorization: Bearer {token}' -H 'Content-Type: application/json'");
    let find_id = r#"sed 's/.*"reservation_id":"\([^"]*\)".*/\1/'"#;
    // A file carries the reservation from one line to the next, so that each works in a shell of its own.
    let folder = fs::canonicalize(data).unwrap_or_else(|_| data.to_owned());
    let kept = quoted(&folder.join("hold.json"));
    let lines = [
        (
            "list seats",
            format!(
                "curl -s '{url}/v1/shows/{show_id}/seats?category={SHOWCASE_CATEGORY}&status=available'; echo"
            ),
        ),
        (
            "hold two for five minutes",
            format!("curl -s {url}/v1/reservations {headers} -d '{hold}' | tee {kept}; echo"),
        ),
        (
            "pay for them",
            format!(
                "curl -s {url}/v1/payments {headers} -d '{{\"method\":\"points\",\"reservation_id\":\"'$({find_id} {kept})'\"}}'; echo"
            ),
        ),
    ];
    text.push_str("\nA concert is on sale. Paste these three lines, as often as you like:\n");
    for (number, (what, line)) in lines.iter().enumerate() {
        let _ = write!(text, "\n# {}. {what}\n{line}\n", number + 1);
    }
    Ok(text)
}

/// A path as one word of a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{app::AppConfig, data_folder::TemporaryFolder};

    async fn start(folder: &TemporaryFolder) -> App {
        let mut config = AppConfig::for_tests(folder.path());
        config.settings.server.demo_catalogue = true;
        App::start(config).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_import_that_was_cut_short_goes_on_at_the_next_start() {
        let folder = TemporaryFolder::new().unwrap();
        let app = start(&folder).await;
        let first = app.demo_show().unwrap().clone();
        let end = app.log().unwrap().head().await.unwrap();
        app.shutdown().await.unwrap();

        let cut_short = DemoShow {
            show_id: None,
            ..first.clone()
        };
        cut_short.save(&folder.path().join(FILE)).unwrap();
        let app = start(&folder).await;
        assert_eq!(app.demo_show().unwrap().show_id, first.show_id);
        assert_eq!(
            app.log().unwrap().head().await.unwrap(),
            end,
            "nothing was done twice"
        );
        app.shutdown().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_folder_that_holds_something_else_is_left_alone() {
        let folder = TemporaryFolder::new().unwrap();
        let app = App::start(AppConfig::for_tests(folder.path()))
            .await
            .unwrap();
        let server = Connections::new(app.addr(), 1);
        let token = app.token(Role::Customer, Uuid::now_v7()).unwrap();
        let charge = Call::post("/v1/points/charges", &json!({"amount": 1}))
            .authorized(HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
        let _: Value = catalogue::created(&server, charge).await.unwrap();
        app.shutdown().await.unwrap();

        let app = start(&folder).await;
        assert!(app.demo_show().is_none());
        assert!(!banner(&app).unwrap().contains("curl"));
        app.shutdown().await.unwrap();
    }
}
