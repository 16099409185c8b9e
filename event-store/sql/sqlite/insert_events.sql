-- Events of a batch; `back` is how far an event stands before the log's new end. Rows of NULL fill the statement up.
INSERT INTO events (
    aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata,
    position, shard, epoch, event_id, command_id, routing_key, recorded_at
)
WITH batch (
    aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata,
    back, event_id, command_id, routing_key, recorded_at
) AS (VALUES
    (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
)
SELECT
    aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata,
    (SELECT next_position FROM log_head) - back,
    (SELECT shard FROM log_head), (SELECT epoch FROM log_head),
    event_id, command_id, routing_key, recorded_at
FROM batch
WHERE aggregate_type IS NOT NULL;
