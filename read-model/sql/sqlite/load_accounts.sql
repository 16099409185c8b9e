-- ?1: the version; ?2: a JSON array of keys.
SELECT document FROM accounts WHERE version = ?1 AND customer_id IN (SELECT value FROM json_each(?2))
