-- ?1: the version; ?2: a JSON array of keys.
SELECT document FROM transactions WHERE version = ?1 AND position IN (SELECT value FROM json_each(?2))
