-- ?1: the version; ?2: key behind which to begin; ?3: most rows.
SELECT entry_id AS key, document FROM drop_entries WHERE version = ?1 AND entry_id > ?2 ORDER BY entry_id LIMIT ?3
