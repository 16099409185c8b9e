-- Heads of the streams that get events. One that does not stand exactly where it is expected makes its version NULL, which the
-- column refuses. 'keep' stands for the timer that a stream has: only a stream that exists is given it.
INSERT INTO stream_head (aggregate_type, aggregate_id, version, position, recorded_at, wake_at)
WITH batch (aggregate_type, aggregate_id, expected, version, back, recorded_at, wake_at) AS (VALUES
    (?, ?, ?, ?, ?, ?, ?)
)
SELECT
    batch.aggregate_type, batch.aggregate_id,
    CASE
        WHEN batch.expected = ifnull((
            SELECT h.version
            FROM stream_head AS h
            WHERE h.aggregate_type = batch.aggregate_type AND h.aggregate_id = batch.aggregate_id
        ), 0) THEN batch.version
    END,
    (SELECT next_position FROM log_head) - batch.back, batch.recorded_at, batch.wake_at
FROM batch
WHERE batch.aggregate_type IS NOT NULL
ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE SET
    version = excluded.version,
    position = excluded.position,
    recorded_at = excluded.recorded_at,
    wake_at = CASE excluded.wake_at WHEN 'keep' THEN stream_head.wake_at ELSE excluded.wake_at END;
