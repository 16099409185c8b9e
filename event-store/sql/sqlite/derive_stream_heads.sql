-- Where each stream ends, by its events. A bare column beside max() is of the row that has the maximum.
INSERT INTO stream_head (aggregate_type, aggregate_id, version, position, recorded_at, wake_at)
SELECT aggregate_type, aggregate_id, max(sequence), position, recorded_at, NULL
FROM events
GROUP BY aggregate_type, aggregate_id;
