//! Everybody wants the same seat, or a seat of the same row: each goes to one, and to one only.

use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;

use super::super::{
    Size,
    crowd::{Meter, Pace, User, play, served},
    line::{Line, Wish},
    machine::Machine,
    report::{Finding, Report},
    scene::{Customer, Scene},
};

/// What everybody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Goal {
    /// The first seat of the hall.
    Seat,
    /// Any seat of the first row.
    Row,
}

struct Rush {
    show: String,
    customers: Vec<Customer>,
    seats: Arc<Vec<String>>,
    /// How many of them are wanted.
    wanted: usize,
}

struct Fan {
    line: Line,
    rush: Arc<Rush>,
}

/// Plays it: each customer asks once.
pub(in super::super) async fn run(
    scene: &mut Scene,
    size: Size,
    goal: Goal,
) -> anyhow::Result<Report> {
    let wanted = match goal {
        Goal::Seat => 1,
        Goal::Row => scene.first_row,
    };
    let rush = Arc::new(Rush {
        show: scene.show().await?,
        customers: scene.customers(size.users),
        seats: scene.seats.clone(),
        wanted,
    });
    let fans = Line::several(scene, size.connections).map(|line| Fan {
        line,
        rush: rush.clone(),
    });
    let pace = Pace::of(size.rate, size.users as u64);
    let (_, measured) = play(fans.collect(), pace, "customers").await?;
    let holds = measured.call("hold");
    let (won, asked) = (holds.created.count(), holds.all.count());
    let path = format!("/v1/shows/{}/seats/status", rush.show);
    let held_in = |answer: &Value| {
        let statuses = answer["statuses"].as_str().unwrap_or_default();
        statuses.bytes().filter(|status| *status == b'h').count()
    };
    // The read side has shown the show before: it follows within moments, and is asked until the seats are held.
    let answer = scene.read_until(&path, |answer| held_in(answer) >= wanted);
    let held = held_in(&answer.await?);
    let lost = holds.refused.get("seats_unavailable").copied();
    let unserved = holds.unknown + holds.failed.values().sum::<u64>();
    Ok(Report {
        scenario: "rush",
        users: size.users,
        connections: size.connections,
        machine: Machine::here(),
        figures: Vec::new(),
        checks: vec![
            Finding::same("customers who win", &(wanted as u64), &won),
            Finding::same(
                "others who were served, told that it is taken",
                &(asked - won - unserved),
                &lost.unwrap_or_default(),
            ),
            Finding::same("seats that are held", &wanted, &held),
        ],
        goals: Vec::new(),
        measured,
        steps: Vec::new(),
    })
}

impl User for Fan {
    async fn act(&mut self, meter: &Meter, n: u64, intended: Instant) -> bool {
        let fan = usize::try_from(n).unwrap_or_default();
        let rush = self.rush.clone();
        let wish = Wish {
            customer: &rush.customers[fan],
            show: &rush.show,
            seat: &rush.seats[fan % rush.wanted],
            key: n,
        };
        served(&self.line.hold(meter, intended, wish).await.0)
    }
}
