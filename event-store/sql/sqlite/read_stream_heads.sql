SELECT s.key, h.version, h.position, h.recorded_at, h.wake_at
FROM json_each($1) AS s
JOIN stream_head AS h ON h.aggregate_type = s.value ->> 0 AND h.aggregate_id = s.value ->> 1;
