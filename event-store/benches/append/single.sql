BEGIN IMMEDIATE;
UPDATE log_head
SET next_position = CASE
    WHEN ifnull((SELECT version FROM stream_head WHERE aggregate_type = $1 AND aggregate_id = $2), 0) = $3
    THEN next_position + 1
END;
INSERT INTO events (
    aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata,
    position, shard, epoch, event_id, command_id, routing_key, recorded_at
)
SELECT $1, $2, $3 + 1, $4, $5, $6, $7, next_position - 1, shard, epoch, $8, $9, $10, $11 FROM log_head;
INSERT INTO stream_head (aggregate_type, aggregate_id, version, position, recorded_at, wake_at)
SELECT $1, $2, $3 + 1, next_position - 1, $11, $12 FROM log_head WHERE true
ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE SET
    version = excluded.version,
    position = excluded.position,
    recorded_at = excluded.recorded_at,
    wake_at = excluded.wake_at;
INSERT INTO commands (command_id, fingerprint, first_position, last_position)
SELECT $9, $13, next_position - 1, next_position - 1 FROM log_head;
INSERT INTO claims (namespace, key, aggregate_type, aggregate_id) VALUES ($14, $15, $1, $2);
COMMIT;
