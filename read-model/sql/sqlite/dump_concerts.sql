-- ?1: the version; ?2: key behind which to begin; ?3: most rows.
SELECT concert_id AS key, document FROM concerts WHERE version = ?1 AND concert_id > ?2 ORDER BY concert_id LIMIT ?3
