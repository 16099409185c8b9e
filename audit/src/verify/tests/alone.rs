//! For each check a fault that breaks just what it checks: that is found, once, and nothing else is.
//!
//! Where the fault is in the events, the read model is folded anew from them first: it is no lie that they tell it.

use super::{
    Check,
    world::{Folder, World},
};

/// What is broken: a file, by SQL; and where the one finding is.
struct Fault {
    check: Check,
    file: &'static str,
    sql: &'static str,
    at: &'static str,
    says: &'static str,
}

const fn log(check: Check, sql: &'static str, at: &'static str, says: &'static str) -> Fault {
    Fault {
        check,
        file: "log.db",
        sql,
        at,
        says,
    }
}

/// The one hold of two seats, of the waiting room's show, of the show that was called off.
const FAULTS: [Fault; 15] = [
    log(
        Check::Positions,
        "UPDATE events SET epoch = 9 WHERE position = (SELECT max(position) - 1 FROM events)",
        "position ",
        "follows epoch 9",
    ),
    log(
        Check::Sequences,
        "UPDATE stream_head SET version = version + 1 WHERE aggregate_type = 'venue' AND position < 10",
        "venue/",
        "its head says",
    ),
    log(
        Check::Events,
        "UPDATE events SET metadata = '[]' WHERE position = 3",
        "position 3",
        "the metadata",
    ),
    // A seat of the plan that is listed a second time: nobody ever took it.
    log(
        Check::Seats,
        "UPDATE events SET payload = replace(payload, '\"1-8\"', '\"1-7\"') WHERE event_type = 'SeatsListed' AND position < 10",
        "position ",
        "seat 1-7 is listed twice",
    ),
    log(
        Check::Standing,
        "UPDATE events SET payload = json_set(payload, '$.StandingListed.capacity', 2) WHERE event_type = 'StandingListed' AND position < 10",
        "position ",
        "3 of 2 standing places are taken",
    ),
    log(
        Check::Limits,
        "UPDATE events SET payload = json_set(payload, '$.HoldExtended.expires_at', '2030-01-01T00:00:00Z') WHERE event_type = 'HoldExtended'",
        "position ",
        "against the rules",
    ),
    // The hold that ran out and was never paid for.
    log(
        Check::Prices,
        "UPDATE events SET payload = json_set(payload, '$.SeatsHeld.amount', 1) WHERE event_type = 'SeatsHeld' AND payload LIKE '%\"2-1\"%'",
        "position ",
        "costs 1, but its places 100",
    ),
    // The account whose last movement it is.
    log(
        Check::Points,
        "UPDATE events SET payload = json_set(payload, '$.PointsDebited.balance_after', 7) WHERE event_type = 'PointsDebited' AND position = \
         (SELECT max(position) FROM events WHERE aggregate_type = 'point_account')",
        "",
        "7",
    ),
    log(
        Check::Payments,
        "UPDATE events SET payload = json_set(payload, '$.PaymentFailed.refunded', json('false')) WHERE event_type = 'PaymentFailed'",
        "position ",
        "PaymentFailed is not backed",
    ),
    log(
        Check::Admissions,
        "UPDATE events SET payload = replace(payload, '\"number\":2', '\"number\":2000') WHERE event_type = 'CustomersAdmitted'",
        "position ",
        "number 2000 was not set aside",
    ),
    log(
        Check::Drops,
        "UPDATE events SET payload = replace(payload, '\"stock_left\":1', '\"stock_left\":2') WHERE event_type = 'EntriesDrawn' AND payload LIKE '%\"stock_left\":1%'",
        "position ",
        "1 of the stock are left, the event says 2",
    ),
    log(
        Check::Claims,
        "DELETE FROM claims WHERE namespace = 'email'",
        "customer/",
        "no claim on an e-mail address",
    ),
    log(
        Check::Timers,
        "UPDATE stream_head SET wake_at = recorded_at WHERE aggregate_type = 'concert' AND position < 10",
        "concert/",
        "its timer is Some",
    ),
    log(
        Check::Commands,
        "DELETE FROM commands WHERE first_position = 1",
        "position 1",
        "is not known",
    ),
    Fault {
        check: Check::ReadModel,
        file: "read-model.db",
        sql: "UPDATE accounts SET document = json_set(document, '$.balance', 5) WHERE customer_id = (SELECT min(customer_id) FROM accounts)",
        at: "accounts/",
        says: "column balance: the row has 5, a fresh fold ",
    },
];

async fn break_alone(world: &Folder, fault: &Fault) {
    let copy = world.copy().await;
    let changed = copy.run_sql(fault.file, fault.sql).await;
    assert_eq!(changed, 1, "{} is to change one thing", fault.sql);
    if fault.file == "log.db" {
        copy.fold_anew().await;
    }
    let report = copy.verify().await.unwrap();
    let found: Vec<_> = report
        .findings
        .iter()
        .map(|finding| {
            (
                finding.check,
                finding.at.to_string(),
                finding.detail.as_str(),
            )
        })
        .collect();
    let expected = match fault.check {
        // Points are wrong in the account and in the sum of all accounts, places both when they are held and when they are sold.
        Check::Points | Check::Standing => 2,
        _ => 1,
    };
    let alone = found.len() == expected && found.iter().all(|(check, ..)| *check == fault.check);
    assert!(alone, "{}: {found:?}", fault.sql);
    let (check, at, detail) = &found[0];
    assert_eq!(*check, fault.check, "{}: {found:?}", fault.sql);
    assert!(at.starts_with(fault.at), "{}: {found:?}", fault.sql);
    assert!(detail.contains(fault.says), "{}: {found:?}", fault.sql);
}

#[tokio::test]
async fn each_check_finds_its_fault_and_no_other() {
    let world = World::new().await.play().await;
    // The world has no bus but the log.
    let checks = Check::ALL
        .into_iter()
        .filter(|check| ![Check::Bus, Check::Seals].contains(check));
    assert!(checks.eq(FAULTS.iter().map(|fault| fault.check)));
    for fault in &FAULTS {
        break_alone(&world, fault).await;
    }
}
