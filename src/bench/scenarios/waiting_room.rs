//! A crowd enters one waiting room, asks how it stands, and is let in at a rate: nobody falls back, and nobody is lost.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hyper::StatusCode;
use serde_json::json;
use tokio::time::Instant;

use super::super::{
    Size,
    crowd::{Meter, PATIENCE, Pace, User, number, play, served},
    line::{Line, Side, own},
    machine::Machine,
    report::{Figure, Finding, Report},
    requests::{post, request},
    scene::{Customer, Scene},
};

/// A guest asks again after half the time that those ahead will take, within these bounds: often when it is soon, and often enough not to
/// be taken for gone (60 s).
const SOONEST: Duration = Duration::from_secs(1);
const LATEST: Duration = Duration::from_secs(20);
/// Most customers inside at a time that a room allows.
const MAX_ACTIVE: u32 = 100_000;

/// What became of the guests.
#[derive(Default)]
struct Tally {
    entered: AtomicU64,
    admitted: AtomicU64,
    /// Those that the room did not know any more.
    lost: AtomicU64,
    /// How often somebody was further back than before.
    worse: AtomicU64,
}

struct Room {
    path: String,
    customers: Vec<Customer>,
    admit: u32,
    tally: Tally,
}

/// Speaks for several guests over one connection.
struct Usher {
    line: Line,
    room: Arc<Room>,
    guests: Vec<Guest>,
    /// When which of them asks again.
    agenda: BinaryHeap<Reverse<(Instant, usize)>>,
}

struct Guest {
    customer: usize,
    entry: String,
    ahead: u64,
}

/// Plays it, to the last guest.
pub(in super::super) async fn run(
    scene: &mut Scene,
    size: Size,
    admit: u32,
) -> anyhow::Result<Report> {
    // One seat each, so that as many can be inside as there are seats.
    let room = json!({"admit_per_second": admit, "max_active": MAX_ACTIVE});
    let further = json!({"waiting_room": room, "max_seats_per_customer": 1});
    let show = scene.show_with(further).await?;
    let room = Arc::new(Room {
        path: format!("/v1/waiting-room/{show}/entries"),
        customers: scene.customers(size.users),
        admit,
        tally: Tally::default(),
    });
    let ushers = Line::several(scene, size.connections).map(|line| Usher {
        line,
        room: room.clone(),
        guests: Vec::new(),
        agenda: BinaryHeap::new(),
    });
    let everybody = size.users as u64;
    let pace = Pace {
        overtime: Duration::from_secs(everybody / u64::from(admit)) + PATIENCE,
        ..Pace::of(size.rate, everybody)
    };
    let (_, measured) = play(ushers.collect(), pace, "customers entered").await?;
    let tally = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let Tally {
        entered,
        admitted,
        lost,
        worse,
    } = &room.tally;
    let seconds = measured.elapsed.as_secs_f64();
    let figure = |what, value, unit| Figure { what, value, unit };
    Ok(Report {
        scenario: "waiting-room",
        users: size.users,
        connections: size.connections,
        machine: Machine::here(),
        figures: vec![
            figure("until the last was let in", seconds, "s"),
            figure("let in", number(tally(admitted)) / seconds, "/s"),
        ],
        checks: vec![
            Finding::same("customers who entered", &everybody, &tally(entered)),
            Finding::same("customers who were let in", &everybody, &tally(admitted)),
            Finding::same("customers who were lost", &0, &tally(lost)),
            Finding::same("positions that got worse", &0, &tally(worse)),
        ],
        goals: Vec::new(),
        measured,
        steps: Vec::new(),
    })
}

impl User for Usher {
    async fn act(&mut self, meter: &Meter, n: u64, intended: Instant) -> bool {
        let customer = usize::try_from(n).unwrap_or_default();
        let room = self.room.clone();
        let bearer = &room.customers[customer].bearer;
        let enter = post(
            self.line.commands,
            &room.path,
            &[("authorization", bearer)],
            "",
        );
        let (line, side) = (&mut self.line, Side::Commands);
        let (outcome, heard) = line.call(meter, "enter", intended, side, &enter).await;
        // A first answer that got lost is told by the second: the entry there is.
        let entry = heard.and_then(|heard| Some(heard.field("entry_id")?.to_owned()));
        if let Some(entry) = entry {
            let ahead = heard.and_then(|heard| heard.field("ahead")?.parse().ok());
            room.tally.entered.fetch_add(1, Ordering::Relaxed);
            self.guests.push(Guest {
                customer,
                entry,
                ahead: ahead.unwrap_or(u64::MAX),
            });
            self.ask_later(self.guests.len() - 1);
        }
        served(&outcome)
    }

    fn due(&self) -> Option<Instant> {
        self.agenda.peek().map(|Reverse((due, _))| *due)
    }

    async fn tend(&mut self, meter: &Meter, intended: Instant) {
        let Some(Reverse((_, guest))) = self.agenda.pop() else {
            return;
        };
        let room = self.room.clone();
        let asking = &self.guests[guest];
        let customer = &room.customers[asking.customer];
        let path = format!("{}/{}", room.path, asking.entry);
        let look = own(self.line.commands, customer, &path);
        let (line, side) = (&mut self.line, Side::Commands);
        let (_, heard) = line.call(meter, "position", intended, side, &look).await;
        match heard {
            Some(heard) if heard.status == StatusCode::NOT_FOUND => {
                room.tally.lost.fetch_add(1, Ordering::Relaxed);
            }
            Some(heard) if heard.field("state") == Some("admitted") => {
                room.tally.admitted.fetch_add(1, Ordering::Relaxed);
                // Inside there is room for as many as there are seats: who has seen enough makes room.
                let bearer = &customer.bearer;
                let leave = request(
                    "DELETE",
                    self.line.commands,
                    &path,
                    &[("authorization", bearer)],
                    "",
                );
                self.line
                    .call(meter, "leave", Instant::now(), side, &leave)
                    .await;
            }
            Some(heard) => {
                let before = self.guests[guest].ahead;
                let now = heard.field("ahead").and_then(|ahead| ahead.parse().ok());
                let now = now.unwrap_or(before);
                if now > before {
                    room.tally.worse.fetch_add(1, Ordering::Relaxed);
                }
                self.guests[guest].ahead = now;
                self.ask_later(guest);
            }
            None => self.ask_later(guest),
        }
    }
}

impl Usher {
    fn ask_later(&mut self, guest: usize) {
        let ahead = self.guests[guest].ahead;
        let wait = Duration::from_millis(ahead.saturating_mul(500) / u64::from(self.room.admit));
        let due = Instant::now() + wait.clamp(SOONEST, LATEST);
        self.agenda.push(Reverse((due, guest)));
    }
}
