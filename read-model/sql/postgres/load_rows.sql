-- One round trip for all tables. $1 to $7: versions; $8 to $14: arrays of keys.
SELECT 'concerts' AS name, document FROM concerts WHERE version = $1 AND concert_id = ANY ($8::uuid[])
UNION ALL
SELECT 'shows' AS name, document FROM shows WHERE version = $2 AND show_id = ANY ($9::uuid[])
UNION ALL
SELECT 'reservations' AS name, document FROM reservations WHERE version = $3 AND reservation_id = ANY ($10::uuid[])
UNION ALL
SELECT 'payments' AS name, document FROM payments WHERE version = $4 AND payment_id = ANY ($11::uuid[])
UNION ALL
SELECT 'accounts' AS name, document FROM accounts WHERE version = $5 AND customer_id = ANY ($12::uuid[])
UNION ALL
SELECT 'transactions' AS name, document FROM transactions WHERE version = $6 AND position = ANY ($13::bigint[])
UNION ALL
SELECT 'sagas' AS name, document FROM sagas WHERE version = $7 AND payment_id = ANY ($14::uuid[])
