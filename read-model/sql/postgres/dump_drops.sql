-- $1: the version; $2: key behind which to begin, or NULL; $3: most rows.
SELECT drop_id::text AS key, document FROM drops
WHERE version = $1 AND drop_id > coalesce($2::text::uuid, '00000000-0000-0000-0000-000000000000')
ORDER BY drops.drop_id LIMIT $3
