-- $1: the version; $2: key behind which to begin, or NULL; $3: most rows.
SELECT payment_id::text AS key, document FROM sagas
WHERE version = $1 AND payment_id > coalesce($2::text::uuid, '00000000-0000-0000-0000-000000000000')
ORDER BY sagas.payment_id LIMIT $3
