SELECT customer_id, key, pending, created_at, destroyed_at FROM personal_keys
WHERE customer_id > ?1
ORDER BY customer_id
LIMIT ?2
