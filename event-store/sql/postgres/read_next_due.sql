SELECT min(wake_at) FROM stream_head WHERE aggregate_type = $1 AND wake_at IS NOT NULL;
