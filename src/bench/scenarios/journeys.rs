//! Whole purchases: a customer, who has charged points before, holds a seat, pays, and sees it confirmed on the read side.

use std::{mem, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::super::{
    Size,
    crowd::{JOURNEY, Measured, Meter, Pace, User, play},
    limit::{self, Offered},
    line::{Line, Side, Wish},
    machine::Machine,
    report::{Figure, Finding, Report},
    requests::get,
    scene::{Customer, Scene},
};
use crate::driver::Outcome;

/// A payment that still runs, or a read side that is behind, is asked again so often.
const REPEATS: u32 = 8;

/// What all buyers of one window share: the `n`th buys the `n`th place.
#[derive(Default)]
struct Sale {
    shows: Vec<String>,
    customers: Vec<Customer>,
    seats: Arc<Vec<String>>,
}

struct Buyer {
    line: Line,
    sale: Arc<Sale>,
}

struct Journeys<'a> {
    scene: &'a mut Scene,
    users: Vec<Buyer>,
}

/// Plays one window, or as many as it takes to find the limit.
pub(in super::super) async fn run(
    scene: &mut Scene,
    size: Size,
    find_limit: bool,
) -> anyhow::Result<Report> {
    let lines = Line::several(scene, size.connections);
    let users = lines.map(|line| Buyer {
        line,
        sale: Arc::default(),
    });
    let users = users.collect();
    let mut journeys = Journeys { scene, users };
    let (measured, steps) = limit::measure(&mut journeys, size, find_limit).await?;
    let whole = measured.call(JOURNEY).all.count();
    let begun = measured.call("hold").all.count();
    Ok(Report {
        scenario: "journeys",
        users: size.users,
        connections: size.connections,
        machine: Machine::here(),
        figures: vec![Figure {
            what: "journeys",
            value: measured.served,
            unit: "/s",
        }],
        checks: vec![Finding::share(
            "journeys that end in a confirmed seat",
            0.99,
            whole,
            begun,
        )],
        goals: Vec::new(),
        measured,
        steps,
    })
}

impl Offered for Journeys<'_> {
    /// How many purchases go through is what is asked.
    const GOAL: Duration = Duration::MAX;

    async fn offer(&mut self, rate: f64, seconds: u64) -> anyhow::Result<Measured> {
        let pace = Pace::during(rate, seconds);
        let shows = self.scene.shows(pace.count).await?;
        let customers = self.scene.customers(usize::try_from(pace.count)?);
        self.scene.charge(&customers).await?;
        let sale = Arc::new(Sale {
            shows,
            customers,
            seats: self.scene.seats.clone(),
        });
        let mut users = mem::take(&mut self.users);
        for user in &mut users {
            user.sale = sale.clone();
        }
        let (users, measured) = play(users, pace, "journeys").await?;
        self.users = users;
        Ok(measured)
    }
}

impl User for Buyer {
    async fn act(&mut self, meter: &Meter, n: u64, intended: Instant) -> bool {
        let bought = self.buy(meter, n, intended).await.is_some();
        if bought {
            meter.count(JOURNEY, intended, &Outcome::Done);
        }
        bought
    }
}

impl Buyer {
    /// The first call counts from when it was due, the others from the answer before them: each is due as soon as that is there.
    async fn buy(&mut self, meter: &Meter, n: u64, intended: Instant) -> Option<()> {
        let sale = self.sale.clone();
        let place = usize::try_from(n).ok()?;
        let wish = Wish {
            customer: sale.customers.get(place)?,
            show: sale.shows.get(place / sale.seats.len())?,
            seat: &sale.seats[place % sale.seats.len()],
            key: n,
        };
        let line = &mut self.line;
        let (_, reservation) = line.hold(meter, intended, wish).await;
        let reservation = reservation?;
        let mut position = None;
        for _ in 0..REPEATS {
            let paid = line.pay(meter, Instant::now(), wish, &reservation).await;
            match paid {
                (Outcome::Created, at) => {
                    position = at;
                    break;
                }
                // Accepted, and still running: asking again drives it on.
                (Outcome::Done | Outcome::Unknown, _) => {}
                (Outcome::Refused(_) | Outcome::Failed(_), _) => return None,
            }
        }
        self.confirmed(meter, wish.customer, &reservation, position?)
            .await
    }

    /// Reads the reservation as it is after the payment.
    async fn confirmed(
        &mut self,
        meter: &Meter,
        customer: &Customer,
        reservation: &str,
        position: u64,
    ) -> Option<()> {
        let path = format!("/v1/reservations/{reservation}");
        let read = get(
            self.line.queries,
            &path,
            &[
                ("authorization", &customer.bearer),
                ("at-least-position", &position),
            ],
        );
        let due = Instant::now();
        for _ in 0..REPEATS {
            let (outcome, heard) = self.line.ask(Side::Queries, &read).await;
            if heard.is_some_and(|heard| heard.field("status") == Some("confirmed")) {
                meter.count("confirmed", due, &outcome);
                return Some(());
            }
        }
        meter.count("confirmed", due, &Outcome::Failed("not_shown".to_owned()));
        None
    }
}
