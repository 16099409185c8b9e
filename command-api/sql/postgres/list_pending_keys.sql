SELECT customer_id FROM personal_keys
WHERE pending AND created_at < $1
ORDER BY created_at
LIMIT $2
