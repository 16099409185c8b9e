INSERT INTO credentials.passwords (customer_id, phc, pending, put_at)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::boolean[], $4::timestamptz[])
