SELECT customer_id FROM personal_keys
WHERE pending = 1 AND created_at < ?1
ORDER BY created_at
LIMIT ?2
