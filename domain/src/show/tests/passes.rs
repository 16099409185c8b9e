//! Shows with a waiting room: a pass is good for one purchase.

use chrono::TimeDelta;

use super::*;
use crate::{ids::EntryId, show::Stock, waiting_room::Settings};

/// Passes.
const FIRST: u128 = 301;
const SECOND: u128 = 302;

fn stage() -> Stage {
    Stage::set(Schedule {
        waiting_room: Some(Settings {
            admit_per_second: 10,
            max_active: 100,
            pass_seconds: 600,
        }),
        ..schedule()
    })
}

fn with_pass(r: u128, pass: Option<u128>, seats: &[&str]) -> Command {
    Command::Hold {
        reservation_id: id(r),
        customer_id: id(ANNA),
        selection: named(seats),
        pass: pass.map(id),
    }
}

#[test]
fn nobody_holds_without_a_pass() {
    let mut stage = stage();
    let refused = stage.run(&with_pass(R1, None, &["A-1"]), at(0));
    assert_eq!(refused, Err(Error::NotAdmitted));
    let held = stage.run(&with_pass(R1, Some(FIRST), &["A-1"]), at(0));
    let pass: EntryId = id(FIRST);
    assert!(
        matches!(&held.unwrap()[..], [Event::SeatsHeld { pass: told, .. }] if *told == Some(pass))
    );
}

#[test]
fn before_the_sale_a_pass_makes_no_difference() {
    let refused = stage().run(&with_pass(R1, None, &["A-1"]), at(-1));
    assert_eq!(refused, Err(Error::NotOnSaleYet { on_sale_at: at(0) }));
}

#[test]
fn without_a_waiting_room_no_pass_is_kept() {
    let held = Stage::open().run(&with_pass(R1, Some(FIRST), &["A-1"]), at(0));
    assert!(matches!(
        &held.unwrap()[..],
        [Event::SeatsHeld { pass: None, .. }]
    ));
}

#[test]
fn a_pass_that_has_bought_is_refused_and_told_of() {
    let mut stage = stage();
    // Holding is no purchase: who gives a hold back may hold again.
    stage
        .run(&with_pass(R1, Some(FIRST), &["A-1"]), at(0))
        .unwrap();
    stage.run(&release(R1, ANNA), at(1)).unwrap();
    stage
        .run(&with_pass(R2, Some(FIRST), &["A-1"]), at(2))
        .unwrap();
    stage.confirm(R2, P1, 50, 3).unwrap();
    let refused = stage.run(&with_pass(R3, Some(FIRST), &["A-2"]), at(4));
    assert_eq!(refused, Err(Error::PassUsed));
    let bought: Vec<EntryId> = stage
        .show
        .bought()
        .iter()
        .map(|pass| pass.entry_id)
        .collect();
    assert_eq!(bought, [id(FIRST)]);
    assert_eq!(
        stored(&stage.show),
        stage.show,
        "a snapshot remembers the passes"
    );
    // A refund gives the places back, not the pass.
    stage.run(&cancel_reservation(R2, P1), at(5)).unwrap();
    let refused = stage.run(&with_pass(R3, Some(FIRST), &["A-2"]), at(6));
    assert_eq!(refused, Err(Error::PassUsed));
    stage
        .run(&with_pass(R3, Some(SECOND), &["A-2"]), at(6))
        .unwrap();
}

#[test]
fn stock_is_what_is_free_or_soon_will_be() {
    let soon = TimeDelta::seconds(30);
    let mut stage = stage();
    let all = Stock {
        places: 25,
        holding: 0,
        sold_out: false,
        on_sale: true,
        over: false,
    };
    assert_eq!(stage.show.stock(at(0), soon), all);
    stage
        .run(&with_pass(R1, Some(FIRST), &["A-1", "A-2"]), at(0))
        .unwrap();
    let one_holds = Stock {
        places: 23,
        holding: 1,
        ..all
    };
    assert_eq!(stage.show.stock(at(HOLD - 31), soon), one_holds);
    assert_eq!(stage.show.stock(at(HOLD - 30), soon), all, "void soon");
    let over = stage.show.stock(at(10_000), soon);
    assert!(over.over && over.sold_out && !over.on_sale, "{over:?}");
    let before = stage.show.stock(at(-1), soon);
    assert!(
        !before.over && !before.sold_out && !before.on_sale,
        "{before:?}"
    );
}

#[test]
fn a_show_is_sold_out_only_when_nothing_is_held_either() {
    let mut stage = stage();
    let seats = ["A", "B", "C"].map(|row| (1..=5).map(move |n| format!("{row}-{n}")));
    let seats: Vec<String> = seats.into_iter().flatten().collect();
    let mut names: Vec<&str> = seats.iter().map(String::as_str).collect();
    let last = names.pop().expect("fifteen seats");
    stage.block(&names);
    let floor = |r: u128, who: u128, quantity| Command::Hold {
        reservation_id: id(r),
        customer_id: id(who),
        selection: standing(quantity),
        pass: Some(id(r + 400)),
    };
    for (n, quantity) in [4, 4, 2].into_iter().enumerate() {
        let n = n as u128;
        stage.run(&floor(n + 10, n + 500, quantity), at(0)).unwrap();
        stage
            .confirm(n + 10, n + 600, i64::from(quantity) * 20, 0)
            .unwrap();
    }
    stage
        .run(&with_pass(R1, Some(FIRST), &[last]), at(0))
        .unwrap();
    let soon = TimeDelta::zero();
    let held = stage.show.stock(at(1), soon);
    assert_eq!((held.places, held.sold_out), (0, false), "it may come back");
    stage.confirm(R1, P1, 30, 1).unwrap();
    assert!(stage.show.stock(at(1), soon).sold_out);
}
