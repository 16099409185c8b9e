//! The statements, one file each.

use crate::{ProjectionId, Table};

macro_rules! statements {
    ($($name:ident = $file:literal;)*) => {
        $(pub(super) const $name: &str = include_str!(concat!("../../sql/sqlite/", $file, ".sql"));)*

        /// All of them, for the test that each one prepares.
        #[cfg(test)]
        pub(super) const ALL: &[(&str, &str)] = &[$(($file, $name)),*];
    };
}

statements! {
    ADVANCE_CHECKPOINTS = "advance_checkpoints";
    BEGIN_SNAPSHOT = "begin_snapshot";
    COUNT_SAGAS = "count_sagas";
    COUNT_SAGAS_OF_SHOW = "count_sagas_of_show";
    DELETE_ACCOUNTS = "delete_accounts";
    DELETE_CHECKPOINTS = "delete_checkpoints";
    DELETE_CONCERTS = "delete_concerts";
    DELETE_DROPS = "delete_drops";
    DELETE_DROP_ENTRIES = "delete_drop_entries";
    DELETE_PARKED = "delete_parked";
    DELETE_PAYMENTS = "delete_payments";
    DELETE_RESERVATIONS = "delete_reservations";
    DELETE_SAGAS = "delete_sagas";
    DELETE_SEAT_MAPS = "delete_seat_maps";
    DELETE_SEAT_PLANS = "delete_seat_plans";
    DELETE_SHOWS = "delete_shows";
    DELETE_TRANSACTIONS = "delete_transactions";
    DROP_VERSION = "drop_version";
    DUMP_ACCOUNTS = "dump_accounts";
    DUMP_CONCERTS = "dump_concerts";
    DUMP_DROPS = "dump_drops";
    DUMP_DROP_ENTRIES = "dump_drop_entries";
    DUMP_PAYMENTS = "dump_payments";
    DUMP_RESERVATIONS = "dump_reservations";
    DUMP_SAGAS = "dump_sagas";
    DUMP_SEAT_MAPS = "dump_seat_maps";
    DUMP_SEAT_PLANS = "dump_seat_plans";
    DUMP_SHOWS = "dump_shows";
    DUMP_TRANSACTIONS = "dump_transactions";
    INSERT_FIRST_VERSIONS = "insert_first_versions";
    INSERT_VERSION = "insert_version";
    LOAD_ACCOUNTS = "load_accounts";
    LOAD_CONCERTS = "load_concerts";
    LOAD_DROPS = "load_drops";
    LOAD_DROP_ENTRIES = "load_drop_entries";
    LOAD_PAYMENTS = "load_payments";
    LOAD_RESERVATIONS = "load_reservations";
    LOAD_SAGAS = "load_sagas";
    LOAD_SEAT_MAPS = "load_seat_maps";
    LOAD_SHOWS = "load_shows";
    LOAD_TRANSACTIONS = "load_transactions";
    PROMOTE_VERSION = "promote_version";
    RETIRE_VERSION = "retire_version";
    SELECT_ABSENT_VERSIONS = "select_absent_versions";
    SELECT_ACCOUNT = "select_account";
    SELECT_ALL_CHECKPOINTS = "select_all_checkpoints";
    SELECT_CHECKPOINTS = "select_checkpoints";
    SELECT_CONCERT = "select_concert";
    SELECT_CONCERTS = "select_concerts";
    SELECT_DROP = "select_drop";
    SELECT_DROP_ENTRIES = "select_drop_entries";
    SELECT_DROP_ENTRY = "select_drop_entry";
    SELECT_PARKED = "select_parked";
    SELECT_PARKED_KEYS = "select_parked_keys";
    SELECT_PAYMENT = "select_payment";
    SELECT_PAYMENTS_OF_CUSTOMER = "select_payments_of_customer";
    SELECT_RESERVATION = "select_reservation";
    SELECT_RESERVATIONS_OF_CUSTOMER = "select_reservations_of_customer";
    SELECT_SAGAS = "select_sagas";
    SELECT_SAGAS_IN_STATE = "select_sagas_in_state";
    SELECT_SAGAS_OF_SHOW = "select_sagas_of_show";
    SELECT_SCHEMA_VERSION = "select_schema_version";
    SELECT_SEAT_MAP = "select_seat_map";
    SELECT_SEAT_MAP_TO_FOLLOW = "select_seat_map_to_follow";
    SELECT_SHOW = "select_show";
    SELECT_SHOWS = "select_shows";
    SELECT_SHOWS_OF_CONCERT = "select_shows_of_concert";
    SELECT_STORE = "select_store";
    SELECT_STUCK_SAGAS = "select_stuck_sagas";
    SELECT_TRANSACTIONS_OF_CUSTOMER = "select_transactions_of_customer";
    SELECT_VERSIONS = "select_versions";
    UNPARK = "unpark";
    UPSERT_ACCOUNTS = "upsert_accounts";
    UPSERT_CONCERTS = "upsert_concerts";
    UPSERT_DROPS = "upsert_drops";
    UPSERT_DROP_ENTRIES = "upsert_drop_entries";
    UPSERT_PARKED = "upsert_parked";
    UPSERT_PAYMENTS = "upsert_payments";
    UPSERT_RESERVATIONS = "upsert_reservations";
    UPSERT_SAGAS = "upsert_sagas";
    UPSERT_SEAT_MAPS = "upsert_seat_maps";
    UPSERT_SEAT_PLANS = "upsert_seat_plans";
    UPSERT_SHOWS = "upsert_shows";
    UPSERT_TRANSACTIONS = "upsert_transactions";
}

/// Stores rows of `table`.
pub(super) const fn upsert(table: Table) -> &'static str {
    match table {
        Table::Concerts => UPSERT_CONCERTS,
        Table::Shows => UPSERT_SHOWS,
        Table::SeatPlans => UPSERT_SEAT_PLANS,
        Table::SeatMaps => UPSERT_SEAT_MAPS,
        Table::Reservations => UPSERT_RESERVATIONS,
        Table::Payments => UPSERT_PAYMENTS,
        Table::Accounts => UPSERT_ACCOUNTS,
        Table::Transactions => UPSERT_TRANSACTIONS,
        Table::Sagas => UPSERT_SAGAS,
        Table::Drops => UPSERT_DROPS,
        Table::DropEntries => UPSERT_DROP_ENTRIES,
    }
}

/// Reads `table` in key order.
pub(super) const fn dump(table: Table) -> &'static str {
    match table {
        Table::Concerts => DUMP_CONCERTS,
        Table::Shows => DUMP_SHOWS,
        Table::SeatPlans => DUMP_SEAT_PLANS,
        Table::SeatMaps => DUMP_SEAT_MAPS,
        Table::Reservations => DUMP_RESERVATIONS,
        Table::Payments => DUMP_PAYMENTS,
        Table::Accounts => DUMP_ACCOUNTS,
        Table::Transactions => DUMP_TRANSACTIONS,
        Table::Sagas => DUMP_SAGAS,
        Table::Drops => DUMP_DROPS,
        Table::DropEntries => DUMP_DROP_ENTRIES,
    }
}

/// Removes the rows of `projection`.
pub(super) const fn deletes(projection: ProjectionId) -> &'static [&'static str] {
    match projection {
        ProjectionId::Catalogue => &[DELETE_CONCERTS, DELETE_SHOWS],
        ProjectionId::SeatMaps => &[DELETE_SEAT_PLANS, DELETE_SEAT_MAPS],
        ProjectionId::Reservations => &[DELETE_RESERVATIONS],
        ProjectionId::Payments => &[DELETE_PAYMENTS],
        ProjectionId::Points => &[DELETE_ACCOUNTS, DELETE_TRANSACTIONS],
        ProjectionId::Sagas => &[DELETE_SAGAS],
        ProjectionId::Drops => &[DELETE_DROPS, DELETE_DROP_ENTRIES],
    }
}
