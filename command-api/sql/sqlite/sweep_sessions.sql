DELETE FROM credential_sessions
WHERE session_id IN (
    SELECT session_id FROM credential_sessions WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2
)
