DELETE FROM personal_keys WHERE customer_id = $1 AND pending
