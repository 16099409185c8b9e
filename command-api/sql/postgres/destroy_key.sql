INSERT INTO personal_keys (customer_id, key, pending, created_at, destroyed_at)
VALUES ($1, NULL, false, $2, $2)
ON CONFLICT (customer_id) DO UPDATE
SET key = NULL, pending = false, destroyed_at = coalesce(personal_keys.destroyed_at, excluded.destroyed_at)
