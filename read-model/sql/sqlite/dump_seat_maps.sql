-- ?1: key behind which to begin; ?2: most rows.
SELECT show_id AS key, document FROM seat_maps WHERE show_id > ?1 ORDER BY show_id LIMIT ?2
