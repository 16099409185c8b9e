//! Who pays, who forfeits, who is next.

use super::*;

fn drawn(stock: u32, entries: u128) -> Life {
    let mut life = Life::opened(Open { stock, ..terms() });
    life.enter(1..=entries);
    life.close_and_seal();
    let lots = (0..u32::try_from(entries).unwrap()).map(|index| (index, Lot(index.into())));
    let draw = Command::Draw {
        from: 0,
        lots: lots.collect(),
    };
    life.ask(&draw, at(61)).unwrap();
    life
}

fn forfeited() -> Outcome {
    Outcome::Forfeited {
        code: "insufficient_points".to_owned(),
    }
}

fn settle(life: &mut Life, outcomes: &[(u32, Outcome)]) -> Vec<Event> {
    let outcomes = outcomes.to_vec();
    life.ask(&Command::Settle { outcomes }, at(62)).unwrap()
}

#[test]
fn what_is_forfeited_goes_to_the_next_in_order() {
    let mut life = drawn(2, 4);
    let events = settle(&mut life, &[(0, forfeited()), (1, Outcome::Paid)]);
    let Event::WinnersSettled {
        promoted,
        stock_left,
        ..
    } = &events[0]
    else {
        panic!("{events:?}")
    };
    assert_eq!((promoted[0].index, promoted.len(), *stock_left), (2, 1, 0));
    assert_eq!(
        [1, 2, 3, 4].map(|n| life.status(n)),
        [
            Status::Forfeited,
            Status::Paid,
            Status::Won,
            Status::Standby
        ]
    );
    assert_eq!(
        life.drop.step(at(62)),
        Step::Release,
        "who forfeited is not left debited"
    );
    settle(&mut life, &[(0, Outcome::Released)]);
    assert_eq!(life.drop.step(at(62)), Step::Settle);
    settle(&mut life, &[(2, Outcome::Paid)]);
    assert_eq!(life.drop.step(at(62)), Step::Reveal);
    assert_eq!(
        life.status(4),
        Status::Standby,
        "who was next to the end does not win"
    );
}

#[test]
fn the_stock_is_left_where_nobody_is_next() {
    let mut life = drawn(2, 2);
    let events = settle(&mut life, &[(0, forfeited()), (1, forfeited())]);
    assert!(
        matches!(&events[0], Event::WinnersSettled { promoted, stock_left: 2, .. } if promoted.is_empty())
    );
    settle(&mut life, &[(1, Outcome::Released), (0, Outcome::Released)]);
    assert_eq!(life.drop.step(at(62)), Step::Reveal);
}

#[test]
fn of_two_leaders_the_first_to_record_is_right() {
    let mut life = drawn(2, 3);
    settle(&mut life, &[(0, Outcome::Paid)]);
    assert_eq!(settle(&mut life, &[(0, forfeited())]), []);
    assert_eq!(
        settle(
            &mut life,
            &[
                (0, Outcome::Paid),
                (0, Outcome::Released),
                (2, Outcome::Paid)
            ]
        ),
        []
    );
    settle(&mut life, &[(1, forfeited())]);
    assert_eq!(settle(&mut life, &[(1, Outcome::Paid)]), []);
    assert_eq!(life.status(2), Status::Forfeited);
    let events = settle(&mut life, &[(2, Outcome::Paid), (2, forfeited())]);
    assert!(matches!(&events[0], Event::WinnersSettled { settled, .. } if settled.len() == 1));
}

#[test]
fn a_winner_whose_answer_takes_long_keeps_the_place() {
    let mut life = drawn(3, 3);
    settle(&mut life, &[(2, Outcome::Paid), (1, Outcome::Paid)]);
    let open: Vec<_> = life
        .drop
        .unsettled(10)
        .into_iter()
        .map(|(index, _)| index)
        .collect();
    assert_eq!(open, [0]);
    assert_eq!(life.drop.step(at(62)), Step::Settle);
}

#[test]
fn the_secret_is_kept_until_all_is_settled() {
    let mut life = drawn(1, 2);
    let reveal = Command::Reveal {
        secret: "5e".to_owned(),
    };
    assert_eq!(refusal(life.ask(&reveal, at(62))), "out_of_step");
    settle(&mut life, &[(0, Outcome::Paid)]);
    life.ask(&reveal, at(62)).unwrap();
}
