//! Who pays, who forfeits, who is next.

use super::{
    super::{DISMISS_BATCH, DRAW_BATCH},
    *,
};

fn drawn(stock: u32, entries: u32) -> Life {
    let mut life = Life::opened(Open { stock, ..terms() });
    let mut customers = 1..=u128::from(entries);
    while let Some(first) = customers.next() {
        let rest = customers.by_ref().take(ENTRY_BATCH - 1);
        life.enter(first..=rest.last().unwrap_or(first));
    }
    life.close_and_seal();
    let lots: Vec<_> = (0..entries).map(|n| (n, Lot(n.into()))).collect();
    for lots in lots.chunks(DRAW_BATCH) {
        let draw = Command::Draw {
            from: lots[0].0,
            lots: lots.to_vec(),
        };
        life.ask(&draw, at(61)).unwrap();
    }
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
    assert_eq!(life.status(4), Status::Standby);
    assert_eq!(life.drop.step(at(62)), Step::Dismiss);
}

#[test]
fn who_was_next_to_the_end_is_told_so_before_the_secret_is() {
    let entries = 2 + u32::try_from(DISMISS_BATCH).unwrap();
    let mut life = drawn(1, entries);
    let reveal = Command::Reveal {
        secret: "5e".to_owned(),
    };
    // While the winner may still forfeit, nobody is let go.
    assert_eq!(refusal(life.ask(&Command::Dismiss, at(62))), "out_of_step");
    settle(&mut life, &[(0, Outcome::Paid)]);
    assert_eq!(refusal(life.ask(&reveal, at(62))), "out_of_step");
    for (index, length) in [(1, DISMISS_BATCH), (entries - 1, 1)] {
        let events = life.ask(&Command::Dismiss, at(62)).unwrap();
        let Event::StandbysDismissed { dismissed, .. } = &events[0] else {
            panic!("{events:?}")
        };
        assert_eq!((dismissed[0].index, dismissed.len()), (index, length));
        assert_eq!(life.status(u128::from(index) + 1), Status::Lost);
    }
    assert_eq!(life.ask(&Command::Dismiss, at(62)).unwrap(), []);
    assert_eq!(life.drop.step(at(62)), Step::Reveal);
    life.ask(&reveal, at(62)).unwrap();
    assert_eq!(life.ask(&Command::Dismiss, at(62)).unwrap(), []);
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
    life.ask(&Command::Dismiss, at(62)).unwrap();
    life.ask(&reveal, at(62)).unwrap();
}
