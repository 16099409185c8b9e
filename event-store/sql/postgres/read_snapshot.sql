SELECT version, payload
FROM snapshots
WHERE aggregate_type = $1 AND aggregate_id = $2 AND schema = $3;
