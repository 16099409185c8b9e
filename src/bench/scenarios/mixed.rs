//! Everything at once, in the proportions of an on-sale: mostly people who look.
//!
//! One show sells at a time, and half of those who look at seats look at it: it changes all the time, so they get all of it. The other
//! half look at a show where nothing happens, and are told by its `ETag` that nothing has. When a show's seats have all been asked for,
//! the next one sells.

use std::{
    collections::VecDeque,
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use hyper::StatusCode;
use tokio::time::Instant;

use super::super::{
    GOAL, Size,
    crowd::{Measured, Meter, Pace, User, play, served},
    limit::{self, Offered},
    line::{Line, Side, Wish, own},
    machine::Machine,
    report::{Finding, Report},
    requests::get,
    scene::{Customer, Scene},
};
use crate::driver::Random;

/// Of a hundred calls, what the dice below this asks: the first half of the seat statuses is of the quiet show.
const QUIET: u64 = 30;
const STATUS: u64 = 60;
const SHOW: u64 = 75;
const POSITION: u64 = 85;
const HOLD: u64 = 95;
/// Of a hundred calls, so many at most hold a seat.
const HOLD_PERCENT: u64 = HOLD - POSITION;
/// Of a hundred holds, so many go for a seat that somebody has: an on-sale is not without.
const TAKEN_PERCENT: u64 = 5;
/// Seats to a customer, on average: half of what a show allows.
const SEATS_PER_CUSTOMER: usize = 50;
/// Of all calls, so many may fail.
const ERROR_SHARE: f64 = 0.0001;

/// What all share in one window.
struct Sale {
    scene: Fixed,
    /// Those that sell, one after another.
    shows: Vec<OnSale>,
    /// The next seat that nobody has asked for, counted over all shows.
    next: AtomicU64,
    held: Mutex<VecDeque<Held>>,
}

/// What stays the same from window to window.
#[derive(Clone)]
struct Fixed {
    customers: Arc<Vec<Customer>>,
    seats: Arc<Vec<String>>,
    quiet: Arc<str>,
}

struct OnSale {
    id: String,
    status: String,
    read: String,
}

struct Held {
    reservation: String,
    customer: usize,
    show: usize,
}

/// One of the users: looks at everything, and acts for any of the customers.
struct Visitor {
    sale: Arc<Sale>,
    line: Line,
    random: Random,
    /// Asks for the entry's place in the queue.
    position: Vec<u8>,
    /// Asks whether the quiet show has changed since this user saw it.
    unchanged: Vec<u8>,
}

struct Mixed<'a> {
    scene: &'a mut Scene,
    fixed: Fixed,
    users: Vec<Visitor>,
}

/// Plays one window, or as many as it takes to find the limit.
pub(in super::super) async fn run(
    scene: &mut Scene,
    size: Size,
    find_limit: bool,
) -> anyhow::Result<Report> {
    let mut mixed = Mixed::prepare(scene, size).await?;
    let (measured, steps) = limit::measure(&mut mixed, size, find_limit).await?;
    let (holds, pays) = (measured.call("hold"), measured.call("pay"));
    let created = |what, least, call: &crate::driver::CallStats| {
        Finding::share(what, least, call.created.count(), call.all.count())
    };
    let unchanged = measured.call("status unchanged").all.count();
    let looks = unchanged + measured.call("status").all.count();
    let p95 = limit::slowest(&measured);
    Ok(Report {
        scenario: "mixed",
        users: size.users,
        connections: mixed.users.len(),
        machine: Machine::here(),
        checks: vec![
            created("holds that succeed", 0.8, &holds),
            created("payments that succeed", 0.95, &pays),
            Finding::share("seat status answered 304", 0.4, unchanged, looks),
        ],
        goals: vec![
            Finding {
                what: format!("p95 of every call within {} ms", GOAL.as_millis()),
                found: format!("{:.1} ms", p95.as_secs_f64() * 1_000.0),
                ok: p95 <= GOAL,
            },
            Finding {
                what: format!("errors: at most {} %", ERROR_SHARE * 100.0),
                found: format!("{:.4} %", measured.error_share() * 100.0),
                ok: measured.error_share() <= ERROR_SHARE,
            },
        ],
        figures: Vec::new(),
        measured,
        steps,
    })
}

impl<'a> Mixed<'a> {
    /// A show with a queue that hardly moves, a show that nobody buys from, and customers with points.
    async fn prepare(scene: &'a mut Scene, size: Size) -> anyhow::Result<Self> {
        let queued = scene.queued_show().await?;
        let quiet = scene.show().await?;
        let fewest = scene.seats.len().div_ceil(SEATS_PER_CUSTOMER);
        let customers = scene.customers(size.connections.max(fewest));
        scene.charge(&customers).await?;
        let entries = scene.enter(&queued, &customers[..size.connections]).await?;
        let etags = scene.etags(&status_of(&quiet)).await?;
        let fixed = Fixed {
            customers: Arc::new(customers),
            seats: scene.seats.clone(),
            quiet: quiet.into(),
        };
        let nothing = Arc::new(Sale::of(fixed.clone(), Vec::new()));
        let lines = Line::several(scene, size.connections).zip(entries);
        let users = lines.enumerate().map(|(user, (line, entry))| {
            let path = format!("/v1/waiting-room/{queued}/entries/{entry}");
            Visitor {
                position: own(line.commands, &fixed.customers[user], &path),
                unchanged: unchanged(&line, &fixed.quiet, &etags[user % etags.len()]),
                sale: nothing.clone(),
                line,
                random: Random::new(user as u64),
            }
        });
        let users = users.collect();
        Ok(Self {
            scene,
            fixed,
            users,
        })
    }
}

impl Offered for Mixed<'_> {
    async fn offer(&mut self, rate: f64, seconds: u64) -> anyhow::Result<Measured> {
        let pace = Pace::during(rate, seconds);
        // At the beginning there is nothing to pay for, and holds take the place of payments.
        let holds = pace.count * (HOLD_PERCENT + 1) / 100 + 100;
        let shows = self.scene.shows(holds).await?;
        let shows = shows.into_iter().map(OnSale::of).collect();
        let sale = Arc::new(Sale::of(self.fixed.clone(), shows));
        let mut users = mem::take(&mut self.users);
        for user in &mut users {
            user.sale = sale.clone();
        }
        let (users, measured) = play(users, pace, "calls").await?;
        self.users = users;
        Ok(measured)
    }
}

impl OnSale {
    fn of(id: String) -> Self {
        Self {
            status: status_of(&id),
            read: format!("/v1/shows/{id}"),
            id,
        }
    }
}

impl Sale {
    fn of(scene: Fixed, shows: Vec<OnSale>) -> Self {
        Self {
            scene,
            shows,
            next: AtomicU64::new(0),
            held: Mutex::default(),
        }
    }

    /// Show and seat of the `n`th place.
    fn place(&self, n: u64) -> (usize, usize) {
        let n = usize::try_from(n).unwrap_or(usize::MAX);
        let seats = self.scene.seats.len();
        ((n / seats).min(self.shows.len() - 1), n % seats)
    }

    fn selling(&self) -> &OnSale {
        &self.shows[self.place(self.next.load(Ordering::Relaxed)).0]
    }

    fn held(&self) -> std::sync::MutexGuard<'_, VecDeque<Held>> {
        self.held.lock().expect("no holder of this lock can panic")
    }
}

fn status_of(show: &str) -> String {
    format!("/v1/shows/{show}/seats/status")
}

/// Asks how a show's seats stand, unless they do as `etag` says.
fn unchanged(line: &Line, show: &str, etag: &str) -> Vec<u8> {
    get(line.queries, &status_of(show), &[("if-none-match", &etag)])
}

impl User for Visitor {
    async fn act(&mut self, meter: &Meter, n: u64, intended: Instant) -> bool {
        let dice = self.random.below(100);
        let sale = self.sale.clone();
        match dice {
            0..QUIET => self.look_again(meter, intended).await,
            QUIET..STATUS => {
                let path = &sale.selling().status;
                self.read(meter, "status", intended, path).await
            }
            STATUS..SHOW => {
                let path = &sale.selling().read;
                self.read(meter, "show", intended, path).await
            }
            SHOW..POSITION => {
                let side = Side::Commands;
                let line = &mut self.line;
                let asked = line.call(meter, "position", intended, side, &self.position);
                served(&asked.await.0)
            }
            POSITION..HOLD => self.hold(meter, n, intended, &sale).await,
            _ => self.pay(meter, n, intended, &sale).await,
        }
    }
}

impl Visitor {
    async fn read(
        &mut self,
        meter: &Meter,
        name: &'static str,
        intended: Instant,
        path: &str,
    ) -> bool {
        let request = get(self.line.queries, path, &[]);
        let asked = self
            .line
            .call(meter, name, intended, Side::Queries, &request);
        served(&asked.await.0)
    }

    /// Asks whether the quiet show has changed.
    async fn look_again(&mut self, meter: &Meter, intended: Instant) -> bool {
        let (outcome, heard) = self.line.ask(Side::Queries, &self.unchanged).await;
        let is_unchanged = heard.is_some_and(|heard| heard.status == StatusCode::NOT_MODIFIED);
        let etag = heard.and_then(|heard| String::from_utf8(heard.etag?.to_vec()).ok());
        let name = if is_unchanged {
            "status unchanged"
        } else {
            "status"
        };
        meter.count(name, intended, &outcome);
        if let Some(etag) = etag.filter(|_| !is_unchanged) {
            self.unchanged = unchanged(&self.line, &self.sale.scene.quiet, &etag);
        }
        served(&outcome)
    }

    async fn hold(&mut self, meter: &Meter, n: u64, intended: Instant, sale: &Sale) -> bool {
        let asked = sale.next.load(Ordering::Relaxed);
        let place = if asked > 0 && self.random.percent(TAKEN_PERCENT) {
            // One of the newest: of the show that sells, as a rule.
            asked - 1 - self.random.below(asked.min(100))
        } else {
            sale.next.fetch_add(1, Ordering::Relaxed)
        };
        let (show, seat) = sale.place(place);
        let customer = self.random.index(sale.scene.customers.len());
        let wish = Wish {
            customer: &sale.scene.customers[customer],
            show: &sale.shows[show].id,
            seat: &sale.scene.seats[seat],
            key: n,
        };
        let (outcome, reservation) = self.line.hold(meter, intended, wish).await;
        if let Some(reservation) = reservation {
            sale.held().push_back(Held {
                reservation,
                customer,
                show,
            });
        }
        served(&outcome)
    }

    /// Pays for the oldest reservation; holds a seat where there is none yet.
    async fn pay(&mut self, meter: &Meter, n: u64, intended: Instant, sale: &Sale) -> bool {
        let held = sale.held().pop_front();
        let Some(held) = held else {
            return self.hold(meter, n, intended, sale).await;
        };
        let wish = Wish {
            customer: &sale.scene.customers[held.customer],
            show: &sale.shows[held.show].id,
            seat: "",
            key: n,
        };
        let paid = self.line.pay(meter, intended, wish, &held.reservation);
        served(&paid.await.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_go_on_in_the_next_show() {
        let fixed = Fixed {
            customers: Arc::default(),
            seats: Arc::new(vec!["a".to_owned(), "b".to_owned()]),
            quiet: "q".into(),
        };
        let shows = ["1", "2"].map(|id| OnSale::of(id.to_owned())).into();
        let sale = Sale::of(fixed, shows);
        assert_eq!(
            [0, 1, 2, 3].map(|n| sale.place(n)),
            [(0, 0), (0, 1), (1, 0), (1, 1)]
        );
    }
}
