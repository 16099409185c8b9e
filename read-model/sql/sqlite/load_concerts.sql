-- ?1: a JSON array of keys.
SELECT document FROM concerts WHERE concert_id IN (SELECT value FROM json_each(?1))
