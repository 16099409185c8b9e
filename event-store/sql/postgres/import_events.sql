INSERT INTO events (
    aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata,
    position, shard, epoch, event_id, command_id, routing_key, recorded_at
)
SELECT
    e.kind, e.id, e.sequence, e.name, e.version, e.payload::json, e.metadata::json,
    e.position, 0, e.epoch, e.event, e.command, e.key, e.recorded_at
FROM unnest(
    $1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::bigint[],
    $10::uuid[], $11::uuid[], $12::text[], $13::timestamptz[]
) AS e (kind, id, sequence, name, version, payload, metadata, position, epoch, event, command, key, recorded_at);
