INSERT INTO credential_passwords (customer_id, phc, pending, put_at)
VALUES (?1, ?2, 1, ?3)
ON CONFLICT (customer_id) DO UPDATE SET phc = excluded.phc
