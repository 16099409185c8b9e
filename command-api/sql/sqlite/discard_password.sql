DELETE FROM credential_passwords WHERE customer_id = ?1 AND pending = 1
