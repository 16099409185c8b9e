-- $1: the version; $2: key behind which to begin, or NULL; $3: most rows.
SELECT show_id::text AS key, document FROM seat_maps
WHERE version = $1 AND show_id > coalesce($2::text::uuid, '00000000-0000-0000-0000-000000000000')
ORDER BY seat_maps.show_id LIMIT $3
