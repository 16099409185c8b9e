-- ?1: a JSON array of keys.
SELECT document FROM payments WHERE payment_id IN (SELECT value FROM json_each(?1))
