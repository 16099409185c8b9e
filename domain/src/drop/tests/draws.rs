//! Who is drawn when, and what the stock allows.

use super::*;

/// Half of all lots win.
const WINS: u64 = 1 << 62;
const LOSES: u64 = 1 << 63;

fn draw(from: u32, lots: &[(u32, u64)]) -> Command {
    let lots = lots.iter().map(|(index, lot)| (*index, Lot(*lot)));
    Command::Draw {
        from,
        lots: lots.collect(),
    }
}

#[test]
fn at_the_close_the_least_lots_take_the_stock_whatever_the_order_of_arrival() {
    let mut life = Life::opened(terms());
    life.enter(1..=4);
    life.close_and_seal();
    let first = life.ask(&draw(0, &[(3, 5), (1, 6)]), at(61)).unwrap();
    let Event::EntriesDrawn {
        drawn, stock_left, ..
    } = &first[0]
    else {
        panic!("{first:?}")
    };
    assert_eq!(*stock_left, 0);
    assert_eq!(
        drawn[0],
        Drawn {
            index: 3,
            entry_id: entrant(4).entry_id,
            customer_id: entrant(4).customer_id,
            lot: Lot(5),
            result: DrawResult::Won,
            place: Some(1),
        }
    );
    assert_eq!(
        life.ask(&draw(0, &[(3, 5), (1, 6)]), at(61)),
        Ok(Vec::new()),
        "a repeat"
    );
    life.ask(&draw(2, &[(0, WINS), (2, LOSES)]), at(61))
        .unwrap();
    let statuses = [1, 2, 3, 4].map(|n| life.status(n));
    assert_eq!(
        statuses,
        [Status::Standby, Status::Won, Status::Lost, Status::Won]
    );
    assert_eq!(life.drop.step(at(61)), Step::Settle);
}

#[test]
fn none_is_drawn_twice_or_before_its_turn() {
    let mut life = Life::opened(terms());
    life.enter(1..=3);
    life.close_and_seal();
    for bad in [
        draw(0, &[(0, 9), (1, 8)]),
        draw(0, &[(0, 8), (0, 9)]),
        draw(0, &[(3, 8)]),
        draw(1, &[(0, 8)]),
        draw(0, &[]),
    ] {
        assert_eq!(refusal(life.ask(&bad, at(61))), "out_of_step", "{bad:?}");
    }
    life.ask(&draw(0, &[(1, 8)]), at(61)).unwrap();
    assert_eq!(
        refusal(life.ask(&draw(1, &[(0, 7)]), at(61))),
        "out_of_step"
    );
    // Equal lots, which hardly ever happens: the ids decide.
    assert_eq!(
        refusal(life.ask(&draw(1, &[(0, 8)]), at(61))),
        "out_of_step"
    );
    life.ask(&draw(1, &[(2, 8)]), at(61)).unwrap();
}

#[test]
fn on_entry_each_is_answered_in_the_step_that_records_it() {
    let mut life = Life::opened(on_entry());
    let entering = vec![
        enter(1, Some(LOSES)),
        enter(2, Some(WINS)),
        enter(3, Some(WINS)),
        enter(4, Some(0)),
    ];
    let events = life.ask(&Command::Enter { entering }, at(1)).unwrap();
    assert_eq!(events.len(), 2);
    let statuses = [1, 2, 3, 4].map(|n| life.status(n));
    assert_eq!(
        statuses,
        [Status::Lost, Status::Won, Status::Won, Status::Standby]
    );
    let without = Command::Enter {
        entering: vec![enter(5, None)],
    };
    assert_eq!(refusal(life.ask(&without, at(1))), "out_of_step");
    assert_eq!(
        refusal(life.ask(&draw(4, &[(0, 1)]), at(61))),
        "out_of_step"
    );
}

#[test]
fn on_entry_it_closes_when_all_is_sold() {
    let mut life = Life::opened(on_entry());
    let entering = vec![enter(1, Some(1)), enter(2, Some(2))];
    life.ask(&Command::Enter { entering }, at(1)).unwrap();
    assert_eq!(life.drop.step(at(1)), Step::Settle);
    let outcomes = vec![(0, Outcome::Paid), (1, Outcome::Paid)];
    life.ask(&Command::Settle { outcomes }, at(2)).unwrap();
    assert_eq!(life.drop.step(at(2)), Step::Close);
    assert!(life.drop.wake_at().unwrap() <= at(2));
    life.ask(&Command::Tick, at(3)).unwrap();
    assert!(matches!(
        life.events.last(),
        Some(Event::DropClosed {
            reason: CloseReason::Stock,
            ..
        })
    ));
    assert_eq!(life.drop.step(at(3)), Step::Seal);
}
