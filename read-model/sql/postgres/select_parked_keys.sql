-- The first parked event of each key, and how many there are.
SELECT keys.projection, keys.version, keys.key, first.partition, first.position, first.reason, first.parked_at, keys.events
FROM (
    SELECT projection, version, key, min(position) AS position, count(*) AS events FROM parked
    GROUP BY projection, version, key
) AS keys
JOIN parked AS first USING (projection, version, key, position)
ORDER BY projection, version, key
