SELECT customer_id, phc, pending, put_at FROM credentials.passwords
WHERE $1::uuid IS NULL OR customer_id > $1
ORDER BY customer_id
LIMIT $2
