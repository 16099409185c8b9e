-- The rows of `events`, and those of commands, claims and stream heads beside them; nothing is checked.
WITH recorded AS (
    INSERT INTO commands (command_id, fingerprint, first_position, last_position)
    SELECT c.id, c.fingerprint, $1 + c.first, $1 + c.last
    FROM unnest($13::uuid[], $14::bytea[], $15::bigint[], $16::bigint[]) AS c (id, fingerprint, first, last)
), claimed AS (
    INSERT INTO claims (namespace, key, aggregate_type, aggregate_id)
    SELECT c.namespace, c.key, c.kind, c.id
    FROM unnest($17::text[], $18::text[], $19::text[], $20::text[]) AS c (namespace, key, kind, id)
), headed AS (
    INSERT INTO stream_head (aggregate_type, aggregate_id, version, position, recorded_at, wake_at)
    SELECT h.kind, h.id, h.version, $1 + h.last, h.recorded_at, h.recorded_at
    FROM unnest($21::text[], $22::text[], $23::bigint[], $24::bigint[], $25::timestamptz[])
        AS h (kind, id, version, last, recorded_at)
    ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE SET
        version = excluded.version, position = excluded.position, recorded_at = excluded.recorded_at, wake_at = excluded.wake_at
)
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
