-- ?1: a JSON array of keys.
SELECT document FROM reservations WHERE reservation_id IN (SELECT value FROM json_each(?1))
