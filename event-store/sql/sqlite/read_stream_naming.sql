SELECT
    position, shard, epoch, aggregate_type, aggregate_id, sequence, event_id, command_id,
    routing_key, event_type, event_version, payload, metadata, recorded_at
FROM events
WHERE aggregate_type = $1 AND aggregate_id = $2 AND sequence > $3
    AND (instr(payload, $4) > 0 OR event_type IN (SELECT value FROM json_each($5)))
ORDER BY sequence
LIMIT $6;
