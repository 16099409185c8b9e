-- All of a write in one statement, which is a transaction: one round trip. $1, $2: names and numbers of the versions that it goes to;
-- $3 to $10: checkpoints; $11 to $37: version, keys and documents of each table; $38 to $45: events to park; $46 to $49: to take up.
SELECT write_rows(
    version_projections => $1, version_numbers => $2,
    projections => $3, numbers => $4, partitions => $5, old_epochs => $6, old_positions => $7,
    epochs => $8, positions => $9, offsets => $10,
    concerts_version => $11, concerts_keys => $12, concerts_documents => $13,
    shows_version => $14, shows_keys => $15, shows_documents => $16,
    seat_plans_version => $17, seat_plans_keys => $18, seat_plans_documents => $19,
    seat_maps_version => $20, seat_maps_keys => $21, seat_maps_documents => $22,
    reservations_version => $23, reservations_keys => $24, reservations_documents => $25,
    payments_version => $26, payments_keys => $27, payments_documents => $28,
    accounts_version => $29, accounts_keys => $30, accounts_documents => $31,
    transactions_version => $32, transactions_keys => $33, transactions_documents => $34,
    sagas_version => $35, sagas_keys => $36, sagas_documents => $37,
    park_projections => $38, park_versions => $39, park_keys => $40, park_positions => $41,
    park_partitions => $42, park_events => $43, park_reasons => $44, park_times => $45,
    unpark_projections => $46, unpark_versions => $47, unpark_keys => $48, unpark_positions => $49
)
