-- $1: the projection; NULL for all.
SELECT projection, version, key, partition, position, event, reason, parked_at FROM parked
WHERE projection = coalesce($1, projection)
ORDER BY projection, version, key, position
