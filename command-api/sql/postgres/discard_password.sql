DELETE FROM credentials.passwords WHERE customer_id = $1 AND pending
