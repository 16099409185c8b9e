SELECT session_id, customer_id, family, token, opened_at, expires_at FROM credentials.sessions
WHERE $1::uuid IS NULL OR session_id > $1
ORDER BY session_id
LIMIT $2
