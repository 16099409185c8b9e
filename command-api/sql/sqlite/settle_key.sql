UPDATE personal_keys SET pending = 0 WHERE customer_id = ?1 AND pending = 1
