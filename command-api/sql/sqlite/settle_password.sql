UPDATE credential_passwords SET pending = 0 WHERE customer_id = ?1 AND pending = 1
