-- ?1: a JSON array of [projection, version, key, partition, position, event, reason, time]. An event that is parked already gets the new
-- reason and time.
INSERT INTO parked (projection, version, key, position, "partition", event, reason, parked_at)
SELECT
    value ->> 0, value ->> 1, value ->> 2, value ->> 4,
    value ->> 3, value ->> 5, value ->> 6, value ->> 7
FROM json_each(?1) WHERE TRUE
ON CONFLICT (projection, version, key, position) DO UPDATE SET
    reason = excluded.reason,
    parked_at = excluded.parked_at
