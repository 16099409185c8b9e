-- Locked: of those who rotate one token at once, the next sees what the one before it left.
SELECT session_id, customer_id, token FROM credentials.sessions
WHERE family = $1 AND expires_at > $2
FOR UPDATE
