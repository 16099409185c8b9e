VACUUM personal_keys, secrets
