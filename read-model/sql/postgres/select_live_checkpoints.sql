SELECT projection, version, partition, epoch, position, "offset"
FROM versions JOIN checkpoints USING (projection, version)
WHERE state = 'live'
ORDER BY projection, version, partition
