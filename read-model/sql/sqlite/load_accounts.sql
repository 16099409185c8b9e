-- ?1: a JSON array of keys.
SELECT document FROM accounts WHERE customer_id IN (SELECT value FROM json_each(?1))
