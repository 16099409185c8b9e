INSERT INTO credentials.sessions (session_id, customer_id, family, token, opened_at, expires_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::bytea[], $5::timestamptz[], $6::timestamptz[])
