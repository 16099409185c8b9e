-- ?1: the version; ?2: key behind which to begin; ?3: most rows.
SELECT reservation_id AS key, document FROM reservations WHERE version = ?1 AND reservation_id > ?2 ORDER BY reservation_id LIMIT ?3
