INSERT INTO personal_keys (customer_id, key, pending, created_at, destroyed_at)
VALUES (?1, NULL, 0, ?2, ?2)
ON CONFLICT (customer_id) DO UPDATE SET key = NULL, pending = 0, destroyed_at = coalesce(destroyed_at, ?2)
