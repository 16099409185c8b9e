-- ?1: the version; ?2: key behind which to begin; ?3: most rows.
SELECT drop_id AS key, document FROM drops WHERE version = ?1 AND drop_id > ?2 ORDER BY drop_id LIMIT ?3
