DELETE FROM credential_sessions WHERE customer_id = ?1
