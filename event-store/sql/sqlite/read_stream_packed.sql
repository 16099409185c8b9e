-- One value a row, as in read_all_packed.sql.
SELECT concat_ws(char(31),
    position, shard, epoch, aggregate_type, aggregate_id, sequence, event_id, command_id,
    routing_key, event_type, event_version, payload, metadata, recorded_at)
FROM events
WHERE aggregate_type = $1 AND aggregate_id = $2 AND sequence > $3
ORDER BY sequence
LIMIT $4;
