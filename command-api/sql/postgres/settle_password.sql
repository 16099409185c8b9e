UPDATE credentials.passwords SET pending = false WHERE customer_id = $1 AND pending
