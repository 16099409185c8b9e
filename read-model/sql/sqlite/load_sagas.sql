-- ?1: the version; ?2: a JSON array of keys.
SELECT document FROM sagas WHERE version = ?1 AND payment_id IN (SELECT value FROM json_each(?2))
