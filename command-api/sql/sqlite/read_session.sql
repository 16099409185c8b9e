SELECT session_id, customer_id, token FROM credential_sessions
WHERE family = ?1 AND expires_at > ?2
