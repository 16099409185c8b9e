-- All of a write in one statement, which is a transaction: one round trip. $1, $2: names and numbers of the versions that it goes to;
-- $3 to $10: checkpoints; $11 to $41: version, keys, documents and, of busy tables, a column of each table; $42 to $49: events to park;
-- $50 to $53: to take up.
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
    park_projections => $42, park_versions => $43, park_keys => $44, park_positions => $45,
    park_partitions => $46, park_events => $47, park_reasons => $48, park_times => $49,
    unpark_projections => $50, unpark_versions => $51, unpark_keys => $52, unpark_positions => $53
)
