-- ?1: the version; ?2: key behind which to begin; ?3: most rows.
SELECT show_id AS key, document FROM seat_maps WHERE version = ?1 AND show_id > ?2 ORDER BY show_id LIMIT ?3
