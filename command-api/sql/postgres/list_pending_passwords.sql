SELECT customer_id FROM credentials.passwords
WHERE pending AND put_at < $1
ORDER BY put_at
LIMIT $2
