SELECT key FROM personal_keys WHERE customer_id = $1
