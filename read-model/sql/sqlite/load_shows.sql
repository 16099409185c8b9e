-- ?1: a JSON array of keys.
SELECT document FROM shows WHERE show_id IN (SELECT value FROM json_each(?1))
