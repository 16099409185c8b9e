//! Faults, each made with SQL in a copy of a clean world, and the finding that each must lead to.

use super::{
    Check,
    world::{Folder, World},
};

/// A fault: its file, the SQL that makes it, and the finding that it must lead to.
struct Fault {
    file: &'static str,
    sql: &'static str,
    check: Check,
    says: &'static str,
}

const fn log(sql: &'static str, check: Check, says: &'static str) -> Fault {
    Fault {
        file: "log.db",
        sql,
        check,
        says,
    }
}

const fn model(sql: &'static str, says: &'static str) -> Fault {
    Fault {
        file: "read-model.db",
        sql,
        check: Check::ReadModel,
        says,
    }
}

async fn each_is_found(faults: &[Fault]) {
    let world: Folder = World::new().await.play().await;
    for fault in faults {
        let copy = world.copy().await;
        assert!(
            copy.run_sql(fault.file, fault.sql).await > 0,
            "{} changes nothing",
            fault.sql
        );
        let report = copy.verify().await.unwrap();
        let found = report.findings.iter().any(|finding| {
            finding.check == fault.check
                && format!("{}: {}", finding.at, finding.detail).contains(fault.says)
        });
        assert!(
            found,
            "{} is not found as {} {:?}:\n{report}",
            fault.sql, fault.check, fault.says
        );
        assert!(!report.is_clean());
    }
}

#[tokio::test]
async fn positions_and_sequences() {
    use Check::{Positions, Sequences};
    each_is_found(&[
        log("DELETE FROM events WHERE position = 20", Positions, "position 21: follows position 19"),
        log("DELETE FROM events WHERE position = (SELECT max(position) FROM events)", Positions, "the log's head says"),
        log("UPDATE log_head SET next_position = next_position + 1", Positions, "the log's head says"),
        log("UPDATE events SET position = position + 1 WHERE position = (SELECT max(position) FROM events)", Positions, ""),
        log("UPDATE events SET epoch = 9 WHERE position = 20", Positions, "position 21: epoch 0 follows epoch 9"),
        log("UPDATE events SET sequence = 99 WHERE position = 20", Sequences, "position 20: sequence 99"),
        log("UPDATE events SET recorded_at = '2020-01-01T00:00:00.000000Z' WHERE event_type = 'PaymentCompleted'",
            Sequences, "recorded before the event before it"),
        log("UPDATE stream_head SET version = version + 1 WHERE aggregate_type = 'show'", Sequences, "its head says"),
        log("UPDATE stream_head SET position = 1 WHERE aggregate_type = 'show'", Sequences, "its head says"),
        log("DELETE FROM stream_head WHERE aggregate_type = 'show'", Sequences, "streams have events"),
        log("INSERT INTO stream_head SELECT 'show', 'x', 1, 1, recorded_at, NULL FROM events WHERE position = 1",
            Sequences, "show/x: the head of a stream without events"),
    ])
    .await;
}

#[tokio::test]
async fn events() {
    use Check::{Events, ReadModel};
    each_is_found(&[
        log("UPDATE events SET payload = 'x' WHERE position = 20", Events, "position 20: the payload of"),
        log("UPDATE events SET event_type = 'SeatsHeld' WHERE position = 1", Events, "position 1: the payload is not of"),
        log("UPDATE events SET event_version = '9' WHERE position = 20", Events, "position 20: unknown version"),
        log("UPDATE events SET metadata = '[]' WHERE position = 20", Events, "position 20: the metadata"),
        log("UPDATE events SET metadata = '{\"a\": {}}' WHERE position = 20", Events, "position 20: the metadata"),
        log("UPDATE events SET event_id = 'x' WHERE position = 20", Events, "position 20: "),
        log("UPDATE events SET event_id = 'x' WHERE position = 20", ReadModel, "not compared"),
        log("UPDATE events SET recorded_at = 'soon' WHERE position = 20", Events, "position 20: "),
        log("UPDATE events SET aggregate_type = 'lottery' WHERE position = 20", Events, "unknown aggregate type"),
        log("UPDATE events SET aggregate_id = 'mine' WHERE position = 20", Events, "is no id"),
        log("UPDATE events SET payload = replace(payload, 'no standby yet', ' ') WHERE event_type = 'OperatorActed'",
            Events, "an operator's act without"),
        // Nothing that the other checks read: found by reading the event as everything else reads it.
        log("UPDATE events SET payload = json_remove(payload, '$.ConcertAnnounced.title') WHERE event_type = 'ConcertAnnounced'",
            Events, "missing field `title`"),
    ])
    .await;
}

#[tokio::test]
async fn seats_and_standing_places() {
    use Check::{Seats, Standing};
    each_is_found(&[
        log("UPDATE events SET payload = replace(payload, '\"1-3\"', '\"1-1\"') WHERE event_type = 'SeatsHeld'",
            Seats, "seat 1-1 is in two live reservations"),
        // A late payment takes its seat again, but someone has it.
        log("UPDATE events SET payload = replace(payload, '\"2-2\"', '\"1-1\"') WHERE event_type IN ('SeatsHeld', 'HoldExpired', 'ReservationConfirmed')",
            Seats, "seat 1-1 is in two live reservations"),
        log("UPDATE events SET payload = replace(payload, '\"1-3\"', '\"9-9\"') WHERE event_type = 'SeatsHeld'",
            Seats, "seat 9-9 is not in the plan"),
        log("UPDATE events SET payload = replace(payload, '\"1-1\"', '\"1-6\"') WHERE event_type = 'ReservationConfirmed'",
            Seats, "does not take up what the event says"),
        log("UPDATE events SET payload = replace(payload, '\"2-7\"', '\"1-1\"') WHERE event_type = 'SeatsBlocked'",
            Seats, "seat 1-1 is"),
        log("UPDATE events SET payload = replace(payload, '\"2-8\"', '\"1-1\"') WHERE event_type = 'SeatsUnblocked'",
            Seats, "seat 1-1 is"),
        log("UPDATE events SET payload = replace(payload, 'ReservationCancelled', 'HoldReleased'), event_type = 'HoldReleased' WHERE event_type = 'ReservationCancelled'",
            Seats, "can't become Released: it is Confirmed"),
        log("UPDATE events SET payload = json_set(payload, '$.ReservationConfirmed.retaken', json('false')) WHERE event_type = 'ReservationConfirmed'",
            Seats, "can't become Confirmed: it is Expired"),
        // Sold, though the hold was void by then.
        log("UPDATE events SET payload = json_set(payload, '$.SeatsHeld.expires_at', '2027-01-15T08:00:00Z') WHERE event_type = 'SeatsHeld'",
            Seats, "can't become Confirmed: it is Held, void"),
        log("UPDATE events SET payload = replace(payload, '\"1-2\"', '\"1-1\"') WHERE event_type = 'SeatsListed'",
            Seats, "seat 1-1 is listed twice"),
        log("UPDATE events SET payload = json_set(payload, '$.StandingListed.capacity', 2) WHERE event_type = 'StandingListed'",
            Standing, "3 of 2 standing places are taken"),
    ])
    .await;
}

#[tokio::test]
async fn limits_and_prices() {
    use Check::{Limits, Prices};
    each_is_found(&[
        log("UPDATE events SET payload = json_set(payload, '$.ShowScheduled.max_seats_per_customer', 1) WHERE event_type = 'ShowScheduled'",
            Limits, "has 2 places, 1 are allowed"),
        log("UPDATE events SET payload = json_set(payload, '$.ShowScheduled.on_sale_at', '2029-01-01T00:00:00Z') WHERE event_type = 'ShowScheduled'",
            Limits, "held outside the sale"),
        log("UPDATE events SET payload = json_set(payload, '$.ShowScheduled.off_sale_at', '2021-01-01T00:00:00Z') WHERE event_type = 'ShowScheduled'",
            Limits, "held outside the sale"),
        log("UPDATE events SET payload = json_set(payload, '$.ShowScheduled.hold_seconds', 60) WHERE event_type = 'ShowScheduled'",
            Limits, "longer than the show allows"),
        log("UPDATE events SET payload = json_set(payload, '$.HoldExtended.expires_at', '2030-01-01T00:00:00Z') WHERE event_type = 'HoldExtended'",
            Limits, "against the rules"),
        log("UPDATE events SET payload = json_set(payload, '$.SeatsHeld.amount', 1) WHERE event_type = 'SeatsHeld'",
            Prices, "costs 1, but its places"),
        log("UPDATE events SET payload = json_set(payload, '$.SeatsHeld.seats[0].price', 1) WHERE payload LIKE '%\"1-3\"%' AND event_type = 'SeatsHeld'",
            Prices, "a seat was held for 1"),
        log("UPDATE events SET payload = json_set(payload, '$.ReservationConfirmed.amount', 1) WHERE event_type = 'ReservationConfirmed'",
            Prices, "not its price"),
    ])
    .await;
}

#[tokio::test]
async fn points() {
    use Check::Points;
    each_is_found(&[
        log("UPDATE events SET payload = json_set(payload, '$.PointsCharged.amount', 999) WHERE event_type = 'PointsCharged'",
            Points, "the balance is 999, the event says 1000"),
        log("UPDATE events SET payload = json_set(payload, '$.PointsCharged.amount', 999) WHERE event_type = 'PointsCharged'",
            Points, "points were charged"),
        log("UPDATE events SET payload = json_set(payload, '$.PointsDebited.balance_after', 7000) WHERE event_type = 'PointsDebited'",
            Points, "the event says 7000"),
        log("UPDATE events SET payload = json_set(payload, '$.PointsDebited.amount', 5000, '$.PointsDebited.balance_after', -4000) WHERE event_type = 'PointsDebited'",
            Points, "below zero"),
        log("UPDATE events SET payload = json_set(payload, '$.PointsCredited.amount', 99) WHERE event_type = 'PointsCredited'",
            Points, "is given 99 back"),
        log("UPDATE events SET payload = json_set(payload, '$.PointsDebited.payment_id', '00000000-0000-0000-0000-000000000001') WHERE event_type = 'PointsDebited'",
            Points, "is Debited"),
        log("UPDATE events SET payload = json_set(payload, '$.PointsCharged.customer_id', '00000000-0000-0000-0000-000000000009') WHERE event_type = 'PointsCharged'",
            Points, "in another's account"),
    ])
    .await;
}

#[tokio::test]
async fn payments() {
    use Check::Payments;
    each_is_found(&[
        log("UPDATE events SET payload = json_set(payload, '$.PaymentCompleted.amount', 1) WHERE event_type = 'PaymentCompleted'",
            Payments, "PaymentCompleted is not backed"),
        log("UPDATE events SET payload = json_set(payload, '$.PaymentRequested.amount', 1) WHERE event_type = 'PaymentRequested'",
            Payments, "the payment is not for what its reservation is"),
        log("UPDATE events SET payload = json_set(payload, '$.PaymentFailed.refunded', json('false')) WHERE event_type = 'PaymentFailed'",
            Payments, "PaymentFailed is not backed"),
        log("UPDATE events SET payload = replace(payload, 'PaymentRefunded', 'PaymentCompleted'), event_type = 'PaymentCompleted' WHERE event_type = 'PaymentRefunded'",
            Payments, "PaymentCompleted is not backed"),
        log("UPDATE events SET payload = json_set(payload, '$.ReservationConfirmed.payment_id', '00000000-0000-0000-0000-000000000001') WHERE event_type = 'ReservationConfirmed'",
            Payments, "does not exist"),
        log("UPDATE events SET payload = json_set(payload, '$.PointsDebited.payment_id', '00000000-0000-0000-0000-000000000001') WHERE event_type = 'PointsDebited'",
            Payments, "the payment does not exist, but its points are"),
        log("UPDATE events SET payload = json_set(payload, '$.PaymentCompleted.customer_id', '00000000-0000-0000-0000-000000000009') WHERE event_type = 'PaymentCompleted'",
            Payments, "of another reservation, show or customer"),
        log("UPDATE events SET payload = replace(payload, 'RefundRequested', 'Refund') WHERE event_type = 'RefundRequested'",
            Payments, "PaymentRefunded is not backed"),
    ])
    .await;
}

#[tokio::test]
#[rustfmt::skip]
async fn drops() {
    use Check::{Drops, Timers};
    each_is_found(&[
        log(r#"UPDATE events SET payload = replace(payload, '"stock_left":1', '"stock_left":2') WHERE event_type = 'EntriesDrawn'"#,
            Drops, "1 of the stock are left, the event says 2"),
        log(r#"UPDATE events SET payload = replace(payload, '"result":"won"', '"result":"lost"') WHERE event_type = 'EntriesDrawn'"#,
            Drops, "its lot makes it Won"),
        log(r"UPDATE events SET payload = json_set(payload, '$.SecretRevealed.secret', printf('%064d', 5)) WHERE event_type = 'SecretRevealed'",
            Drops, "not the one that was committed to"),
        log(r"UPDATE events SET payload = json_set(payload, '$.EntriesSealed.root', printf('%064d', 5)) WHERE event_type = 'EntriesSealed'",
            Drops, "the root is of another list"),
        log(r"UPDATE events SET payload = json_set(payload, '$.EntriesDrawn.drawn[0].lot', '0000000000000000') WHERE event_type = 'EntriesDrawn'",
            Drops, "was not drawn by the secret"),
        log(r#"UPDATE events SET payload = replace(payload, '"outcome":"paid"', '"outcome":"forfeited"') WHERE event_type = 'WinnersSettled'"#,
            Drops, "of the stock are left"),
        log(r#"UPDATE events SET payload = replace(payload, '"stock":3', '"stock":1') WHERE event_type = 'DropOpened'"#,
            Drops, "is drawn as Won"),
        log("UPDATE events SET payload = json_set(payload, '$.StandbysDismissed.dismissed[0].index', 7) WHERE event_type = 'StandbysDismissed'",
            Drops, "entry number 7 has lost, and was not the next"),
        log("UPDATE events SET payload = json_set(payload, '$.WinnersSettled.settled', json('[]')) WHERE event_type = 'WinnersSettled'",
            Drops, "are let go before all winners are settled"),
        log("UPDATE stream_head SET wake_at = recorded_at WHERE aggregate_type = 'drop'", Timers, "its events say None"),
    ])
    .await;
}

#[tokio::test]
async fn waiting_rooms() {
    use Check::{Admissions, Timers};
    each_is_found(&[
        log("UPDATE events SET payload = replace(payload, '\"first\":1', '\"first\":2') WHERE event_type = 'NumbersReserved'",
            Admissions, "numbers 2 to 1000 follow 0"),
        log("UPDATE events SET payload = replace(payload, '\"number\":2', '\"number\":2000') WHERE event_type = 'CustomersAdmitted'",
            Admissions, "number 2000 was not set aside"),
        log("UPDATE events SET payload = replace(payload, '000000000902', '000000000901') WHERE event_type = 'CustomersAdmitted'",
            Admissions, "000000000901 is let in twice"),
        log("UPDATE events SET payload = replace(payload, '\"paused\":false', '\"paused\":true') WHERE event_type = 'FlowChanged'",
            Admissions, "let in while nobody is"),
        log("UPDATE events SET payload = json_set(payload, '$.CustomersAdmitted.expires_at', '2099-01-01T00:00:00Z') WHERE event_type = 'CustomersAdmitted'",
            Admissions, "has not run out"),
        log("UPDATE events SET payload = json_remove(payload, '$.SeatsHeld.pass') WHERE event_type = 'SeatsHeld'",
            Admissions, "held without a pass"),
        log("UPDATE stream_head SET wake_at = NULL WHERE aggregate_type = 'waiting_room'", Timers, "its timer is None"),
    ])
    .await;
}

#[tokio::test]
async fn claims_timers_and_commands() {
    use Check::{Claims, Commands, Timers};
    each_is_found(&[
        log("DELETE FROM claims WHERE namespace = 'reservation'", Claims, "claims/reservation/"),
        log("DELETE FROM claims WHERE namespace = 'live_payment'", Claims, "not held"),
        log("DELETE FROM claims WHERE namespace = 'email'", Claims, "no claim on an e-mail address"),
        log("UPDATE claims SET aggregate_id = '00000000-0000-0000-0000-000000000009' WHERE namespace = 'live_payment'",
            Claims, "the events say otherwise"),
        log("INSERT INTO claims VALUES ('live_payment', '00000000-0000-0000-0000-000000000009', 'payment', 'x')",
            Claims, "claims/live_payment/00000000-0000-0000-0000-000000000009: held by payment/x"),
        log("INSERT INTO claims VALUES ('email', 'stranger', 'customer', '00000000-0000-0000-0000-000000000009')",
            Claims, "claims/email/stranger"),
        log("INSERT INTO claims SELECT 'email', 'second', aggregate_type, aggregate_id FROM claims WHERE namespace = 'email'",
            Claims, "claims/email/"),
        log("UPDATE stream_head SET wake_at = NULL WHERE aggregate_type = 'show'", Timers, "its timer is None"),
        log("UPDATE stream_head SET wake_at = NULL WHERE aggregate_type = 'payment' AND wake_at IS NOT NULL",
            Timers, "its timer is None"),
        log("UPDATE stream_head SET wake_at = recorded_at WHERE aggregate_type = 'payment'", Timers, "its timer is Some"),
        log("UPDATE stream_head SET wake_at = recorded_at WHERE aggregate_type = 'concert'", Timers, "concert/"),
        log("UPDATE commands SET last_position = last_position + 1 WHERE first_position = 1", Commands, "position 1: command"),
        log("DELETE FROM commands WHERE first_position = 1", Commands, "position 1: command"),
        log("INSERT INTO commands VALUES ('00000000-0000-5000-8000-000000000001', x'00', 3, 3)", Commands, "which is not its event"),
        log("UPDATE events SET command_id = '00000000-0000-5000-8000-000000000001' WHERE position = 20", Commands, "position 20: command"),
    ])
    .await;
}

#[tokio::test]
async fn tables_that_the_log_can_not_read() {
    use Check::{Commands, Timers};
    each_is_found(&[
        log(
            "UPDATE stream_head SET wake_at = 'soon' WHERE aggregate_type = 'show'",
            Timers,
            "the log: ",
        ),
        log(
            "UPDATE commands SET command_id = 'x' WHERE first_position = 1",
            Commands,
            "the log: ",
        ),
    ])
    .await;
}

#[tokio::test]
async fn the_read_model() {
    each_is_found(&[
        model(
            "UPDATE accounts SET document = json_set(document, '$.balance', 5)",
            "accounts/",
        ),
        model(
            "UPDATE reservations SET document = replace(document, 'confirmed', 'held')",
            "a fresh fold",
        ),
        model(
            "UPDATE seat_maps SET document = replace(document, 's', 'a')",
            "seat_maps/",
        ),
        model("DELETE FROM payments", "the row is missing"),
        model("DELETE FROM transactions", "the row is missing"),
        model(
            "INSERT INTO concerts SELECT version, 'zzz', document FROM concerts LIMIT 1",
            "concerts/zzz: no event accounts for the row",
        ),
        model(
            "INSERT INTO concerts SELECT version, '0', document FROM concerts LIMIT 1",
            "concerts/0: no event accounts for the row",
        ),
        model(
            "INSERT INTO parked SELECT 'points', 1, 'key', 7, 0, '{}', 'why', 0",
            "position 7: points has parked key key from here on, 1 events: why",
        ),
        model(
            "UPDATE checkpoints SET \"partition\" = 1 WHERE projection = 'points'",
            "not known which row is of which",
        ),
        model(
            "UPDATE checkpoints SET position = position - 1",
            "a fresh fold",
        ),
        model(
            "UPDATE checkpoints SET position = position + 1",
            "its checkpoint is behind the log's head",
        ),
    ])
    .await;
}
