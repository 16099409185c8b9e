-- Nothing but the rows of `events`.
INSERT INTO events (
    aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata,
    position, shard, epoch, event_id, command_id, routing_key, recorded_at
)
SELECT e.kind, e.id, e.sequence, e.name, e.version, e.payload::json, e.metadata::json,
    $1 + e.ordinal, 0, 1, e.event, e.command, e.key, e.recorded_at
FROM unnest(
    $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::uuid[], $10::uuid[], $11::text[],
    $12::timestamptz[]
) WITH ORDINALITY AS e (kind, id, sequence, name, version, payload, metadata, event, command, key, recorded_at, ordinal);
