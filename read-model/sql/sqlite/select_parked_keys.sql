-- The first parked event of each key, and how many there are. SQLite takes the bare columns from the row of the minimum.
SELECT projection, version, key, "partition", min(position), reason, parked_at, count(*) FROM parked
GROUP BY projection, version, key
ORDER BY projection, version, key
