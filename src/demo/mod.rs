//! The demo: an on-sale against a server of its own, over real HTTP, checked from the log afterwards.

mod fan;
mod hall;
mod report;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use chrono::TimeDelta;
use edge::auth::Role;
use event_store::{Clock, SystemClock};
use futures::{StreamExt, TryStreamExt, stream};
use hyper::{StatusCode, http::HeaderValue};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use tokio::time::{Instant, interval};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

pub use self::report::Report;
use self::{
    fan::{Fan, Scene},
    hall::{Plan, Tally},
};
use crate::{
    app::App,
    catalogue::{self, CAPACITY, Terms},
    driver::{Call, Connections, Driver, Recorder, Schedule, open_loop},
};

/// Short, so that what is let go is sold to others within the run.
const HOLD_SECONDS: u32 = 3;
/// Fans buy 1 to 4.
const MAX_SEATS_PER_FAN: u32 = 4;
/// More than the dearest four places cost.
const POINTS_PER_FAN: u64 = 1_000;
/// How fast the fans arrive.
const ARRIVALS_PER_SECOND: f64 = 2_000.0;
/// How often the progress is looked at.
const TICKS_PER_SECOND: u32 = 10;
/// As a proxy in front of the server would keep them.
const CONNECTIONS: usize = 256;
/// Preparations under way at a time.
const PREPARING: usize = 64;
/// Whoever has no ticket by then goes home, so that the demo ends even against a server that stands still.
const CLOSES_AFTER: Duration = Duration::from_mins(2);
/// The same crowd every time.
const SEED: u64 = 1_252;

/// Plays the on-sale with so many fans. The server is left running, with everything recorded and projected.
///
/// # Errors
/// What kept the demo from being prepared.
pub async fn play(app: &App, fans: u32) -> anyhow::Result<Report> {
    let connections = Connections::new(app.addr(), CONNECTIONS);
    let organizer = bearer(&app.token(Role::Organizer, app.default_subject(Role::Organizer)?)?)?;
    let terms = Terms {
        on_sale_at: SystemClock.now() - TimeDelta::seconds(1),
        hold_seconds: HOLD_SECONDS,
        max_seats_per_customer: MAX_SEATS_PER_FAN,
    };
    // Each run has a show of its own, whatever else the data folder holds.
    let key = format!("demo-{}", Uuid::now_v7());
    let show_id = catalogue::import(&connections, &organizer, &key, &terms).await?;
    let crowd = (0..fans)
        .map(|_| bearer(&app.token(Role::Customer, Uuid::now_v7())?))
        .collect::<anyhow::Result<Vec<_>>>()?;
    charge(&connections, &crowd).await?;
    app.settle().await?;
    let plan = read_plan(&connections, show_id).await?;

    let recorder = Arc::new(Recorder::default());
    let start = Instant::now();
    let scene = Arc::new(Scene {
        driver: Driver::new(connections, recorder.clone()),
        plan,
        tally: Tally::default(),
        show_id,
        closes_at: start + CLOSES_AFTER,
    });
    let busiest_second = on_sale(&scene, &recorder, crowd, start).await;
    let elapsed = start.elapsed();
    app.settle().await?;
    Ok(Report {
        fans,
        sold: scene.tally.sold(),
        endings: scene.tally.endings(),
        elapsed,
        busiest_second,
        calls: recorder.snapshot(),
    })
}

async fn read_plan(connections: &Connections, show_id: Uuid) -> anyhow::Result<Plan> {
    let call = Call::get(format!("/v1/shows/{show_id}/seats"));
    match connections.send(call).await {
        Ok(reply) if reply.status == StatusCode::OK => {
            Plan::read(&reply.body).context("the seat map can't be read")
        }
        Ok(reply) => bail!("the seat map was answered {}", reply.status),
        Err(failure) => bail!("the seat map: {failure}"),
    }
}

fn bearer(token: &str) -> anyhow::Result<HeaderValue> {
    Ok(HeaderValue::from_str(&format!("Bearer {token}"))?)
}

/// Gives every fan points, so that the on-sale itself is about places.
async fn charge(connections: &Arc<Connections>, crowd: &[HeaderValue]) -> anyhow::Result<()> {
    let bar = progress(crowd.len() as u64, "points charged");
    let body = json!({"amount": POINTS_PER_FAN});
    stream::iter(crowd)
        .map(|fan| {
            let call = Call::post("/v1/points/charges", &body).authorized(fan.clone());
            catalogue::created::<Value>(connections, call)
        })
        .buffer_unordered(PREPARING)
        .try_for_each(|_| {
            bar.inc(1);
            std::future::ready(Ok(()))
        })
        .await
        .context("the fans' points could not be charged")?;
    bar.finish_and_clear();
    Ok(())
}

/// Lets the fans in and waits for the last one. Answers with the most requests answered in a second.
async fn on_sale(
    scene: &Arc<Scene>,
    recorder: &Recorder,
    crowd: Vec<HeaderValue>,
    start: Instant,
) -> u64 {
    let bar = progress(u64::from(CAPACITY), "places sold");
    let count = crowd.len();
    let seconds = f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / ARRIVALS_PER_SECOND;
    let schedule = Schedule::random(count, Duration::from_secs_f64(seconds), SEED);
    let tasks = TaskTracker::new();
    let mut crowd = crowd.into_iter();
    let over = CancellationToken::new();
    let everyone = async {
        open_loop(schedule, start, &tasks, |n, arrival| {
            let authorization = crowd.next().expect("one arrival for each fan");
            Fan::new(scene.clone(), authorization, SEED + n as u64).play(arrival)
        })
        .await;
        tasks.close();
        tasks.wait().await;
        over.cancel();
    };
    let ((), busiest_second) = tokio::join!(everyone, watch(scene, recorder, &bar, &over));
    bar.finish_and_clear();
    busiest_second
}

/// Moves the bar, and counts the busiest second.
async fn watch(
    scene: &Scene,
    recorder: &Recorder,
    bar: &ProgressBar,
    over: &CancellationToken,
) -> u64 {
    let mut ticks = interval(Duration::from_secs(1) / TICKS_PER_SECOND);
    let mut totals = VecDeque::from([0]);
    let mut busiest = 0;
    while over.run_until_cancelled(ticks.tick()).await.is_some() {
        bar.set_position(u64::from(scene.tally.sold()));
        let total = recorder.total();
        totals.push_back(total);
        if totals.len() > TICKS_PER_SECOND as usize + 1 {
            totals.pop_front();
        }
        let second = total - totals.front().copied().unwrap_or(total);
        bar.set_message(format!("{second} requests/s"));
        busiest = busiest.max(second);
    }
    busiest
}

/// A bar on standard error, hidden where that is no terminal.
pub(crate) fn progress(length: u64, what: &str) -> ProgressBar {
    let template = format!("{{elapsed:>4}} {{bar:40}} {{pos}}/{{len}} {what}  {{msg}}");
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(10));
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{app::AppConfig, data_folder::TemporaryFolder};

    #[tokio::test(flavor = "multi_thread")]
    async fn every_fan_of_a_small_crowd_gets_what_they_came_for() {
        let folder = TemporaryFolder::new().unwrap();
        let app = App::start(AppConfig::for_tests(folder.path()))
            .await
            .unwrap();
        let report = play(&app, 60).await.unwrap();
        app.shutdown().await.unwrap();
        let ended: u32 = report.endings.values().sum();
        assert_eq!(ended, 60, "{report}");
        let walked_off = ["let_hold_run_out", "gave_back"].map(|ending| report.endings.get(ending));
        let walked_off: u32 = walked_off.into_iter().flatten().sum();
        assert_eq!(report.endings["bought"] + walked_off, 60, "{report}");
        assert_eq!(
            report.calls["pay"].created.count(),
            u64::from(report.endings["bought"]),
            "{report}"
        );
        assert!(report.sold >= report.endings["bought"]);
        assert_eq!(report.to_json()["sold"], report.sold);
    }
}
