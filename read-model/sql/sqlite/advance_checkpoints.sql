-- Compare and set. ?1: a JSON array of [projection, version, partition, old epoch, old position, new epoch,
-- new position, new offset]. A checkpoint that does not exist stands at position 0 of epoch 0. The caller compares the
-- number of rows changed with the number asked for, and rolls back where they differ.
INSERT INTO checkpoints (projection, version, "partition", epoch, position, "offset")
SELECT
    wanted.value ->> 0, wanted.value ->> 1, wanted.value ->> 2,
    wanted.value ->> 5, wanted.value ->> 6, wanted.value ->> 7
FROM json_each(?1) AS wanted
LEFT JOIN checkpoints AS present
    ON present.projection = wanted.value ->> 0
    AND present.version = wanted.value ->> 1
    AND present."partition" = wanted.value ->> 2
WHERE coalesce(present.epoch, 0) = wanted.value ->> 3
    AND coalesce(present.position, 0) = wanted.value ->> 4
ON CONFLICT (projection, version, "partition") DO UPDATE SET
    epoch = excluded.epoch,
    position = excluded.position,
    "offset" = excluded."offset"
