INSERT INTO credentials.passwords (customer_id, phc, pending, put_at)
VALUES ($1, $2, true, $3)
ON CONFLICT (customer_id) DO UPDATE SET phc = excluded.phc
