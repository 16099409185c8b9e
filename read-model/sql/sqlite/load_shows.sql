-- ?1: the version; ?2: a JSON array of keys.
SELECT document FROM shows WHERE version = ?1 AND show_id IN (SELECT value FROM json_each(?2))
