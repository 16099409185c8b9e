DELETE FROM credentials.sessions WHERE customer_id = $1
