SELECT customer_id FROM credential_passwords
WHERE pending = 1 AND put_at < ?1
ORDER BY put_at
LIMIT ?2
