-- Goes through a part of the log: an index would cost each append more than a third of its time, for a question that is asked seldom.
-- Where somebody has made one on this very expression, it is used.
SELECT
    position, shard, epoch, aggregate_type, aggregate_id, sequence, event_id, command_id,
    routing_key, event_type, event_version, payload, metadata, recorded_at
FROM events
WHERE json_extract(metadata, '$.correlation_id') = $1 AND position > $2 AND position <= $3
ORDER BY position
LIMIT $4;
