-- Sessions that somebody rotates just now are left to the next sweep.
DELETE FROM credentials.sessions
WHERE session_id IN (
    SELECT session_id FROM credentials.sessions
    WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2
    FOR UPDATE SKIP LOCKED
)
