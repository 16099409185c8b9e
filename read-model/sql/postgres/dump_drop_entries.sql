-- $1: the version; $2: key behind which to begin, or NULL; $3: most rows.
SELECT entry_id::text AS key, document FROM drop_entries
WHERE version = $1 AND entry_id > coalesce($2::text::uuid, '00000000-0000-0000-0000-000000000000')
ORDER BY drop_entries.entry_id LIMIT $3
