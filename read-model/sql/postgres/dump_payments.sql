-- $1: the version; $2: key behind which to begin, or NULL; $3: most rows.
SELECT payment_id::text AS key, document FROM payments
WHERE version = $1 AND payment_id > coalesce($2::text::uuid, '00000000-0000-0000-0000-000000000000')
ORDER BY payments.payment_id LIMIT $3
