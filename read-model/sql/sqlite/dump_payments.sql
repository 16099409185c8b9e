-- ?1: the version; ?2: key behind which to begin; ?3: most rows.
SELECT payment_id AS key, document FROM payments WHERE version = ?1 AND payment_id > ?2 ORDER BY payment_id LIMIT ?3
