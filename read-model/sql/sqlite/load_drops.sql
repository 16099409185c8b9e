-- ?1: the version; ?2: a JSON array of keys.
SELECT document FROM drops WHERE version = ?1 AND drop_id IN (SELECT value FROM json_each(?2))
