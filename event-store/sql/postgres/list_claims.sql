SELECT namespace, key, aggregate_type, aggregate_id
FROM claims
WHERE (namespace, key) > ($1, $2)
ORDER BY namespace, key
LIMIT $3;
