//! A clean world is found clean, and each check fires when just that is broken.

mod alone;
mod faults;
mod resumed;
pub(crate) mod world;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::json;

use self::world::{World, options};
use super::*;

#[tokio::test]
async fn a_clean_world_is_clean() {
    let folder = World::new().await.play().await;
    let report = folder.verify().await.unwrap();
    assert!(report.is_clean(), "{report}");
    for check in &report.checks {
        assert!(
            check.checked > 0 || matches!(check.check, Check::Claims | Check::Bus | Check::Seals),
            "{:?} checked nothing",
            check.check
        );
    }
    assert_eq!(report.read_model, Some(report.head));
    let states: Vec<_> = report.open_sagas.iter().map(|saga| saga.state).collect();
    assert_eq!(states, ["running", "refund_due"]);
    assert_eq!(
        report.open_sagas[0].age_ms, 600_000,
        "begun 400 s into the world, looked at after 1,000 s"
    );

    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["checks"][0]["check"], "positions");
    assert_eq!(json["checks"][0]["findings"], 0);
    assert_eq!(json["findings"], json!([]));
    assert!(report.to_string().ends_with("clean"));
}

#[tokio::test]
async fn a_pruned_log_and_an_empty_one_are_clean() {
    let folder = World::new().await.play().await;
    let log = folder.log().await;
    assert!(log.prune_commands(options().now).await.unwrap() > 0);
    log.close().await;
    let report = folder.verify().await.unwrap();
    assert!(report.is_clean(), "{report}");

    let report = world::Folder::new().verify().await.unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.head, 0);
}

#[tokio::test]
async fn tells_how_far_it_has_come() {
    let folder = World::new().await.play().await;
    let deps = Deps {
        log: folder.log().await,
        read_model: Some(folder.read_model().await),
        partition_of: None,
        bus: None,
    };
    let told = std::sync::Mutex::new(Vec::new());
    let report = verify(&deps, &options(), |progress| {
        told.lock().unwrap().push(progress);
    })
    .await
    .unwrap();
    let told = told.into_inner().unwrap();
    for phase in [Phase::Log, Phase::Tables, Phase::ReadModel] {
        let last = told
            .iter()
            .rfind(|progress| progress.phase == phase)
            .unwrap();
        assert_eq!(
            (last.done, last.total),
            (report.head, report.head),
            "{phase:?}"
        );
    }
}

/// What a server writes meanwhile is neither checked nor taken for a fault.
#[tokio::test]
async fn works_beside_a_running_server() {
    let world = World::new().await;
    let show = world.schedule().await;
    world.project().await;
    let deps = Deps {
        log: world.folder.log().await,
        read_model: Some(world.folder.read_model().await),
        partition_of: None,
        bus: None,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let buy = async {
        let mut who = 1;
        while !stop.load(Ordering::Relaxed) {
            world
                .post(who, "/v1/points/charges", json!({"amount": 500}))
                .await;
            let hold =
                json!({"show_id": show, "best_available": {"category": "Stalls", "quantity": 1}});
            let (status, answer) = world.try_post(who, "/v1/reservations", hold).await;
            if status == 201 {
                let id = answer["reservation_id"].as_str().unwrap();
                if who % 2 == 0 {
                    world.pay(who, id).await;
                } else {
                    world
                        .post(who, &format!("/v1/reservations/{id}/cancel"), json!({}))
                        .await;
                }
            }
            who += 1;
        }
        who
    };
    let check = async {
        let mut heads = HashSet::new();
        while heads.len() < 20 {
            let report = verify(&deps, &options(), |_| {}).await.unwrap();
            assert!(report.is_clean(), "{report}");
            heads.insert(report.head);
        }
        stop.store(true, Ordering::Relaxed);
    };
    let (bought, ()) = tokio::join!(buy, check);
    assert!(bought > 1);
}

#[tokio::test]
async fn the_bus_is_compared_as_far_as_it_was_followed() {
    let folder = World::new().await.play().await;
    let sql = "UPDATE checkpoints SET position = position - 1 WHERE projection = 'sagas'";
    assert_eq!(folder.run_sql("read-model.db", sql).await, 1);
    let deps = Deps {
        log: folder.log().await,
        read_model: Some(folder.read_model().await),
        partition_of: None,
        bus: Some(Arc::new(|up_to| {
            Box::pin(async move {
                Ok(BusReport {
                    events: up_to.0 - 2,
                    differing: 2,
                    differences: vec!["position 7 is missing from partition 3".to_owned()],
                })
            })
        })),
    };
    let report = verify(&deps, &options(), |_| {}).await.unwrap();
    assert_eq!(report.bus, Some(report.head - 1));
    let bus = report.checks.iter().find(|check| check.check == Check::Bus);
    let bus = bus.unwrap();
    assert_eq!((bus.checked, bus.findings), (report.head - 3, 2));
    assert_eq!(report.findings.len(), 1, "{report}");
    assert_eq!(report.findings[0].check, Check::Bus);
}
