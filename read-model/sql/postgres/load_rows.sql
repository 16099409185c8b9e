-- One round trip for all tables. $1 to $9: versions; $10 to $18: arrays of keys.
SELECT 'concerts' AS name, document FROM concerts WHERE version = $1 AND concert_id = ANY ($10::uuid[])
UNION ALL
SELECT 'shows' AS name, document FROM shows WHERE version = $2 AND show_id = ANY ($11::uuid[])
UNION ALL
SELECT 'reservations' AS name, document FROM reservations WHERE version = $3 AND reservation_id = ANY ($12::uuid[])
UNION ALL
SELECT 'payments' AS name, document FROM payments WHERE version = $4 AND payment_id = ANY ($13::uuid[])
UNION ALL
SELECT 'accounts' AS name, document FROM accounts WHERE version = $5 AND customer_id = ANY ($14::uuid[])
UNION ALL
SELECT 'transactions' AS name, document FROM transactions WHERE version = $6 AND position = ANY ($15::bigint[])
UNION ALL
SELECT 'sagas' AS name, document FROM sagas WHERE version = $7 AND payment_id = ANY ($16::uuid[])
UNION ALL
SELECT 'drops' AS name, document FROM drops WHERE version = $8 AND drop_id = ANY ($17::uuid[])
UNION ALL
SELECT 'drop_entries' AS name, document FROM drop_entries WHERE version = $9 AND entry_id = ANY ($18::uuid[])
