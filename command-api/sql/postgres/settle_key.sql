UPDATE personal_keys SET pending = false WHERE customer_id = $1 AND pending
