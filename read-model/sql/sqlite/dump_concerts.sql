-- ?1: key behind which to begin; ?2: most rows.
SELECT concert_id AS key, document FROM concerts WHERE concert_id > ?1 ORDER BY concert_id LIMIT ?2
