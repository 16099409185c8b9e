SELECT aggregate_type, aggregate_id, version, position, recorded_at, wake_at
FROM stream_head
WHERE (aggregate_type, aggregate_id) > ($1, $2)
ORDER BY aggregate_type, aggregate_id
LIMIT $3;
