-- $1, $2: names and numbers of versions.
SELECT projection, version, partition, epoch, position, "offset" FROM checkpoints
WHERE (projection, version) IN (SELECT * FROM unnest($1::text[], $2::integer[]))
ORDER BY projection, version, partition
