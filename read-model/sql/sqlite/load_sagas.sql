-- ?1: a JSON array of keys.
SELECT document FROM sagas WHERE payment_id IN (SELECT value FROM json_each(?1))
