-- ?1: the version; ?2: a JSON array of keys.
SELECT document FROM concerts WHERE version = ?1 AND concert_id IN (SELECT value FROM json_each(?2))
