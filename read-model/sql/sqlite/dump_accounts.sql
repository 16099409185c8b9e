-- ?1: key behind which to begin; ?2: most rows.
SELECT customer_id AS key, document FROM accounts WHERE customer_id > ?1 ORDER BY customer_id LIMIT ?2
