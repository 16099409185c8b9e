SELECT session_id, customer_id, family, token, opened_at, expires_at FROM credential_sessions
WHERE session_id > ?1
ORDER BY session_id
LIMIT ?2
