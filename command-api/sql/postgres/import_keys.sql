INSERT INTO personal_keys (customer_id, key, pending, created_at, destroyed_at)
SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::boolean[], $4::timestamptz[], $5::timestamptz[])
