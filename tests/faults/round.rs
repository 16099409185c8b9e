//! One fault under load, and what came of it.

use std::time::{Duration, Instant};

use servers::Cluster;

use crate::{
    journal::{Answer, Sent},
    load::Load,
};

/// Commands acknowledged before the fault, and again after it is over.
const ACKNOWLEDGED: usize = 200;
/// How long they may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// Whether the log of this build answers before it commits: then commands must be lost where the log's server dies, or the faults could
/// not tell if they were.
pub(crate) const PREMATURE: bool = cfg!(feature = "acknowledge-before-commit");

/// How often each fault runs.
pub(crate) fn rounds() -> usize {
    let rounds = std::env::var("FRONTROW_FAULT_ROUNDS").ok();
    rounds.map_or(1, |rounds| rounds.parse().unwrap())
}

/// Loads the cluster, carries the fault out, goes on until the cluster has done enough again, and checks everything: each answer, each
/// balance, the log, the read model and the bus. A row of the report tells of it. Returns how many commands were lost: none, unless the
/// build is [`PREMATURE`].
pub(crate) async fn under_load(
    cluster: &Cluster,
    what: &str,
    fault: impl AsyncFnOnce(&Load<'_>),
) -> usize {
    let load = Load::on(cluster).await;
    let script = async {
        until(&load, what, || load.count(Sent::is_acknowledged)).await;
        let began = Instant::now();
        fault(&load).await;
        let over = Instant::now();
        let after = |from: Instant| load.count(|sent| sent.at >= from && sent.is_acknowledged());
        until(&load, what, || after(over)).await;
        load.end();
        began
    };
    let (began, ()) = tokio::join!(script, load.run());
    let settled = load.settle().await;
    let acknowledged =
        |before: bool| load.count(|sent| sent.is_acknowledged() && (sent.at < began) == before);
    let not_served = load.count(|sent| sent.answer == Answer::NotServed && sent.at >= began);
    let first = load.first_after(began).unwrap() - began;
    servers::fault(&[
        what.to_owned(),
        acknowledged(true).to_string(),
        acknowledged(false).to_string(),
        not_served.to_string(),
        settled.unknown.to_string(),
        settled.lost.to_string(),
        format!("{:.2} s", first.as_secs_f64()),
    ]);
    let kept = settled.lost == 0 && settled.unbalanced == 0;
    assert!(kept || PREMATURE, "{what}: {settled:?}\n{}", logs(cluster));
    cluster.check().await;
    settled.lost
}

async fn until(load: &Load<'_>, what: &str, acknowledged: impl Fn() -> usize) {
    let end = Instant::now() + PATIENCE;
    while acknowledged() < ACKNOWLEDGED {
        if Instant::now() > end {
            load.end();
            let logs = logs(load.cluster);
            panic!(
                "{what}: {} commands were acknowledged\n{logs}",
                acknowledged()
            );
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the command APIs wrote last.
fn logs(cluster: &Cluster) -> String {
    let apis = ["command-api-1", "command-api-2"];
    apis.map(|api| format!("{api}:\n{}\n", cluster.tail(api)))
        .concat()
}
