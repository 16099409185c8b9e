DELETE FROM credentials.sessions
WHERE session_id IN (
    SELECT session_id FROM credentials.sessions
    WHERE customer_id = $1
    ORDER BY opened_at DESC, session_id DESC
    OFFSET $2
)
