-- A stream's head and which commands are known, of one instant: the head, or NULL, beside each command; at least one row.
SELECT
    h.version, h.position, h.recorded_at, h.wake_at,
    c.command_id, c.fingerprint, c.first_position, c.last_position
FROM (SELECT $1::text AS kind, $2::text AS id) AS s
LEFT JOIN stream_head AS h ON h.aggregate_type = s.kind AND h.aggregate_id = s.id
LEFT JOIN commands AS c ON c.command_id = ANY ($3::uuid[]);
