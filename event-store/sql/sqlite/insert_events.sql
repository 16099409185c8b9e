INSERT INTO events (
    aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata,
    position, shard, epoch, event_id, command_id, routing_key, recorded_at
)
SELECT
    e.value ->> 0, e.value ->> 1, e.value ->> 2, e.value ->> 3, e.value ->> 4, e.value ->> 5, e.value ->> 6,
    (SELECT next_position FROM log_head) - $2 + (e.value ->> 7),
    (SELECT shard FROM log_head), (SELECT epoch FROM log_head),
    e.value ->> 8, e.value ->> 9, e.value ->> 10, e.value ->> 11
FROM json_each($3) AS e;
