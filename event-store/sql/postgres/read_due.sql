SELECT aggregate_id, wake_at
FROM stream_head
WHERE aggregate_type = $1 AND wake_at <= $2
ORDER BY wake_at
LIMIT $3;
