-- ?1: key behind which to begin; ?2: most rows.
SELECT reservation_id AS key, document FROM reservations WHERE reservation_id > ?1 ORDER BY reservation_id LIMIT ?2
