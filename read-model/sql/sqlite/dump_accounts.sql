-- ?1: the version; ?2: key behind which to begin; ?3: most rows.
SELECT customer_id AS key, document FROM accounts WHERE version = ?1 AND customer_id > ?2 ORDER BY customer_id LIMIT ?3
