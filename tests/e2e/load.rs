//! Each scenario of `frontrow bench`, small: that what it says must hold does.

use std::process::Command;

use reqwest::Method;
use serde_json::Value;

use crate::harness::{DataFolder, TestApp, plan};

/// Makes a test of each scenario on the embedded system, and of some on the distributed one.
macro_rules! scenarios {
    ($($name:ident: $arguments:expr, $calls:expr;)+) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                // Tokens gather, and streams have their pace, by a clock that nobody has to move.
                let app = TestApp::start_on(DataFolder::new(), |config| config.clock = None);
                play(app.await, $arguments, $calls).await;
            }
        )+
    };
}

scenarios! {
    mixed: "mixed --users 20 --rate 300 --seconds 2", &["status", "status unchanged", "show", "position", "hold", "pay"];
    journeys: "journeys --users 10 --rate 20 --seconds 2", &["hold", "pay", "confirmed", "journey"];
    hot_seat: "hot-seat --users 200 --connections 50 --rate 1000", &["hold"];
    hot_row: "hot-row --users 200 --connections 50 --rate 1000", &["hold"];
    the_whole_arena: "whole-arena --users 20 --rate 100", &["hold", "pay"];
    a_waiting_room: "waiting-room --users 60 --connections 10 --rate 100 --admit 60", &["enter", "position", "leave"];
    streams_of_seats: "streams --users 40 --rate 200", &["open"];
    streams_of_a_queue: "streams --stream queue --users 40 --rate 200", &["open"];
}

#[tokio::test(flavor = "multi_thread")]
async fn mixed_distributed() {
    if let Some(app) = TestApp::distributed(module_path!()).await {
        let arguments = "mixed --users 20 --rate 200 --seconds 3";
        play(
            app,
            arguments,
            &["status unchanged", "position", "hold", "pay"],
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_room_distributed() {
    if let Some(app) = TestApp::distributed(module_path!()).await {
        let arguments = "waiting-room --users 60 --connections 10 --rate 100 --admit 60";
        play(app, arguments, &["enter", "position", "leave"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_machines_are_left_alone() {
    let app = TestApp::start().await;
    let mut command = bench(&app, "mixed", &["--url", "http://192.0.2.1:80"]);
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("--allow-remote"),
        "{said}"
    );
    app.finish().await;
}

/// Plays a scenario in a hall of a hundred seats; every kind of call must have been answered.
async fn play(app: TestApp, arguments: &str, calls: &[&str]) {
    let folder = DataFolder::new();
    let hall = folder.0.join("plan.json");
    std::fs::write(&hall, plan(10, 10).to_string()).unwrap();
    let url = |method: Method| app.url(&method, "");
    let (commands, queries) = (url(Method::POST), url(Method::GET));
    let mut command = bench(&app, arguments, &["--url", &commands]);
    command.args(["--query-url", &queries, "--plan"]).arg(&hall);
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{said}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(!report["checks"].as_array().unwrap().is_empty(), "{report}");
    for call in calls {
        let answers = report["calls"][call]["answers"].as_u64();
        assert!(answers > Some(0), "{call}: {report}");
    }
    app.finish().await;
}

fn bench(app: &TestApp, arguments: &str, further: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_frontrow"));
    command
        .arg("bench")
        .args(arguments.split(' '))
        .args(["--output", "json", "--signing-key"])
        .arg(app.key())
        .args(further);
    command
}
