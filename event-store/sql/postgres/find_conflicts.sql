-- All that the log holds of what a batch touches, of one instant: 0 commands, 1 events, 2 claims, 3 stream heads.
SELECT 0 AS found, c.command_id AS id, NULL::uuid AS command_id, c.fingerprint, c.first_position AS first, c.last_position AS last,
    NULL AS namespace, NULL AS key, NULL AS aggregate_type, NULL AS aggregate_id
FROM unnest($1::uuid[]) AS i (id)
JOIN commands AS c ON c.command_id = i.id
UNION ALL
SELECT 1, e.event_id, e.command_id, NULL, e.position, NULL, NULL, NULL, NULL, NULL
FROM unnest($2::uuid[]) AS i (id)
JOIN events AS e ON e.event_id = i.id
UNION ALL
SELECT 2, NULL, NULL, NULL, NULL, NULL, c.namespace, c.key, c.aggregate_type, c.aggregate_id
FROM unnest($3::text[], $4::text[]) AS p (namespace, key)
JOIN claims AS c ON c.namespace = p.namespace AND c.key = p.key
UNION ALL
SELECT 3, NULL, NULL, NULL, h.version, NULL, NULL, NULL, h.aggregate_type, h.aggregate_id
FROM unnest($5::text[], $6::text[]) AS s (kind, id)
JOIN stream_head AS h ON h.aggregate_type = s.kind AND h.aggregate_id = s.id;
