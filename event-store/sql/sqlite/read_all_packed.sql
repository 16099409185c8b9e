-- One value a row: the driver copies each value by itself, which costs more than reading it.
SELECT concat_ws(char(31),
    position, shard, epoch, aggregate_type, aggregate_id, sequence, event_id, command_id,
    routing_key, event_type, event_version, payload, metadata, recorded_at)
FROM events
WHERE position > $1
ORDER BY position
LIMIT $2;
