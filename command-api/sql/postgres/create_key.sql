-- The update changes nothing: it makes RETURNING answer the row that was there first.
INSERT INTO personal_keys (customer_id, key, pending, created_at)
VALUES ($1, $2, true, $3)
ON CONFLICT (customer_id) DO UPDATE SET pending = personal_keys.pending
RETURNING key
