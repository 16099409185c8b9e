INSERT INTO credentials.sessions (session_id, customer_id, family, token, opened_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6)
