DELETE FROM credential_sessions WHERE session_id = ?1
