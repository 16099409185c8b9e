SELECT s.ordinal, h.version, h.position, h.recorded_at, h.wake_at
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS s (kind, id, ordinal)
JOIN stream_head AS h ON h.aggregate_type = s.kind AND h.aggregate_id = s.id;
