-- ?1: a JSON array of [projection, version]; NULL for the live ones.
SELECT projection, version, "partition", epoch, position, "offset" FROM checkpoints
WHERE (projection, version) IN (
    SELECT projection, version FROM versions WHERE ?1 IS NULL AND state = 'live'
    UNION ALL SELECT value ->> 0, value ->> 1 FROM json_each(?1)
)
ORDER BY projection, version, "partition"
