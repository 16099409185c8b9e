-- ?1: the version; ?2: a JSON array of keys.
SELECT document FROM drop_entries WHERE version = ?1 AND entry_id IN (SELECT value FROM json_each(?2))
