DELETE FROM credential_sessions
WHERE session_id IN (
    SELECT session_id FROM credential_sessions
    WHERE customer_id = ?1
    ORDER BY opened_at DESC, session_id DESC
    LIMIT -1 OFFSET ?2
)
