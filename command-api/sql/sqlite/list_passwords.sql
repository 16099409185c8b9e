SELECT customer_id, phc, pending, put_at FROM credential_passwords
WHERE customer_id > ?1
ORDER BY customer_id
LIMIT ?2
