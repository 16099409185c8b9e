TRUNCATE personal_keys, secrets
