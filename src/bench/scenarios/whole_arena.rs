//! The whole hall is sold: two customers want each seat, one gets it and pays, and in the end each seat is sold once.

use std::sync::{
    Arc,
    atomic::{AtomicU8, AtomicU64, Ordering},
};

use tokio::time::Instant;

use super::super::{
    Size,
    crowd::{Meter, PATIENCE, Pace, User, number, play, served},
    line::{Line, Wish},
    machine::Machine,
    report::{Figure, Finding, Report},
    scene::{Customer, MAX_SEATS_PER_CUSTOMER, Scene},
};
use crate::driver::Outcome;

/// Customers who want each seat.
const RIVALS: u64 = 2;
/// A payment whose outcome is not known is repeated so often.
const REPEATS: u32 = 8;

struct Hall {
    show: String,
    customers: Vec<Customer>,
    seats: Arc<Vec<String>>,
    /// How often each seat was paid for.
    sold: Vec<AtomicU8>,
    /// The last position that a payment was answered with.
    position: AtomicU64,
}

struct Fan {
    line: Line,
    hall: Arc<Hall>,
}

/// Plays it: the `n`th fan wants the seat `n / 2`.
pub(in super::super) async fn run(scene: &mut Scene, size: Size) -> anyhow::Result<Report> {
    let seats = scene.seats.clone();
    // Half of what a show allows each at most, and neighbours in time are different customers: they are rivals.
    let fewest = seats
        .len()
        .div_ceil(usize::try_from(MAX_SEATS_PER_CUSTOMER / 2)?);
    let customers = scene.customers(size.users.max(fewest).max(2));
    scene.charge(&customers).await?;
    let hall = Arc::new(Hall {
        show: scene.show().await?,
        customers,
        sold: seats.iter().map(|_| AtomicU8::new(0)).collect(),
        seats,
        position: AtomicU64::new(0),
    });
    let fans = Line::several(scene, size.connections).map(|line| Fan {
        line,
        hall: hall.clone(),
    });
    let all = hall.seats.len() as u64;
    let pace = Pace {
        overtime: PATIENCE,
        ..Pace::of(size.rate, all * RIVALS)
    };
    let (_, measured) = play(fans.collect(), pace, "customers").await?;
    let path = format!("/v1/shows/{}", hall.show);
    let show = scene
        .read_at(&path, hall.position.load(Ordering::Relaxed))
        .await?;
    let times = |times: u8| {
        let sold = hall.sold.iter();
        sold.filter(|sold| sold.load(Ordering::Relaxed) == times)
            .count() as u64
    };
    let sold = show["sold"].as_u64().unwrap_or_default();
    let seconds = measured.elapsed.as_secs_f64();
    Ok(Report {
        scenario: "whole-arena",
        users: hall.customers.len(),
        connections: size.connections,
        machine: Machine::here(),
        figures: vec![
            Figure {
                what: "until the hall was sold",
                value: seconds,
                unit: "s",
            },
            Figure {
                what: "seats sold",
                value: number(sold) / seconds,
                unit: "/s",
            },
        ],
        checks: vec![
            Finding::same(
                "seats sold, as customers were told, once each",
                &all,
                &times(1),
            ),
            Finding::same("seats sold, as the show tells", &all, &sold),
        ],
        goals: Vec::new(),
        measured,
        steps: Vec::new(),
    })
}

impl User for Fan {
    async fn act(&mut self, meter: &Meter, n: u64, intended: Instant) -> bool {
        let hall = self.hall.clone();
        let fan = usize::try_from(n).unwrap_or_default();
        let seat = usize::try_from(n / RIVALS).unwrap_or_default();
        let wish = Wish {
            customer: &hall.customers[fan % hall.customers.len()],
            show: &hall.show,
            seat: &hall.seats[seat],
            key: n,
        };
        let mut held = (Outcome::Unknown, None);
        for _ in 0..REPEATS {
            held = self.line.hold(meter, intended, wish).await;
            if served(&held.0) {
                break;
            }
        }
        let (outcome, Some(reservation)) = held else {
            return served(&held.0);
        };
        for _ in 0..REPEATS {
            let paid = self.line.pay(meter, Instant::now(), wish, &reservation);
            let (paid, position) = paid.await;
            if paid == Outcome::Created {
                hall.sold[seat].fetch_add(1, Ordering::Relaxed);
                let position = position.unwrap_or_default();
                hall.position.fetch_max(position, Ordering::Relaxed);
                return served(&outcome);
            }
        }
        false
    }
}
