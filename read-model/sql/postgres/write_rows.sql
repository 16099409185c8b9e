-- All of a write in one statement, which is a transaction: one round trip. $1, $2: names and numbers of the versions that it goes to;
-- $3 to $10: checkpoints; $11 to $49: version, keys, documents and, of busy tables, columns of each table; $50 to $57: events to park;
-- $58 to $61: to take up.
SELECT write_rows(
    version_projections => $1, version_numbers => $2,
    projections => $3, numbers => $4, partitions => $5, old_epochs => $6, old_positions => $7,
    epochs => $8, positions => $9, offsets => $10,
    concerts_version => $11, concerts_keys => $12, concerts_documents => $13,
    shows_version => $14, shows_keys => $15, shows_documents => $16,
    seat_plans_version => $17, seat_plans_keys => $18, seat_plans_documents => $19,
    seat_maps_version => $20, seat_maps_keys => $21, seat_maps_documents => $22,
    reservations_version => $23, reservations_keys => $24, reservations_documents => $25, reservations_customers => $26,
    payments_version => $27, payments_keys => $28, payments_documents => $29, payments_customers => $30,
    accounts_version => $31, accounts_keys => $32, accounts_documents => $33,
    transactions_version => $34, transactions_keys => $35, transactions_documents => $36, transactions_customers => $37,
    sagas_version => $38, sagas_keys => $39, sagas_documents => $40, sagas_states => $41,
    drops_version => $42, drops_keys => $43, drops_documents => $44,
    drop_entries_version => $45, drop_entries_keys => $46, drop_entries_documents => $47,
    drop_entries_drops => $48, drop_entries_numbers => $49,
    park_projections => $50, park_versions => $51, park_keys => $52, park_positions => $53,
    park_partitions => $54, park_events => $55, park_reasons => $56, park_times => $57,
    unpark_projections => $58, unpark_versions => $59, unpark_keys => $60, unpark_positions => $61
)
