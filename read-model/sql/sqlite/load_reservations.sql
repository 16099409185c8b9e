-- ?1: the version; ?2: a JSON array of keys.
SELECT document FROM reservations WHERE version = ?1 AND reservation_id IN (SELECT value FROM json_each(?2))
