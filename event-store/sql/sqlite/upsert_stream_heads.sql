-- A stream that is only guarded has no last event ($.4) and keeps its row. 'keep' stands for the timer that it has: only a
-- stream that exists is given it.
INSERT INTO stream_head (aggregate_type, aggregate_id, version, position, recorded_at, wake_at)
SELECT
    s.value ->> 0, s.value ->> 1, s.value ->> 3,
    (SELECT next_position FROM log_head) - $2 + (s.value ->> 4), s.value ->> 5, s.value ->> 6
FROM json_each($1) AS s
WHERE s.value ->> 4 IS NOT NULL
ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE SET
    version = excluded.version,
    position = excluded.position,
    recorded_at = excluded.recorded_at,
    wake_at = CASE excluded.wake_at WHEN 'keep' THEN stream_head.wake_at ELSE excluded.wake_at END;
