-- ?1: key behind which to begin; ?2: most rows.
SELECT payment_id AS key, document FROM payments WHERE payment_id > ?1 ORDER BY payment_id LIMIT ?2
