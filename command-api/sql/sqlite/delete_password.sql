DELETE FROM credential_passwords WHERE customer_id = ?1
