-- ?1: a JSON array of keys.
SELECT document FROM transactions WHERE position IN (SELECT value FROM json_each(?1))
