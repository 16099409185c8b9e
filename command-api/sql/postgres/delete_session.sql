DELETE FROM credentials.sessions WHERE session_id = $1
