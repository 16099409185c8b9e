-- Events as they were elsewhere, positions included: JSON rows in the order of the columns.
INSERT INTO events (
    aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata,
    position, shard, epoch, event_id, command_id, routing_key, recorded_at
)
SELECT
    e.value ->> 0, e.value ->> 1, e.value ->> 2, e.value ->> 3, e.value ->> 4, e.value ->> 5, e.value ->> 6,
    e.value ->> 7, e.value ->> 8, e.value ->> 9, e.value ->> 10, e.value ->> 11, e.value ->> 12, e.value ->> 13
FROM json_each($1) AS e;
